// What every page but the watch page runs.
import "htmx.org";
