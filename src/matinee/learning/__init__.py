"""Learning from histories offline: public data sets, models, protocols and how good the models are. Pure; no ports."""
