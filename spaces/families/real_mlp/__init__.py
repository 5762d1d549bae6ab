"""A network for tables whose many small tricks were tuned together: RealMLP."""
