"""Published models, and the one contract between `training` and `service`: `models.manifest`."""
