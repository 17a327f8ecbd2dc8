"""What an edge holds on its disk: placed files and a demand cache, within a limit, told exactly."""
