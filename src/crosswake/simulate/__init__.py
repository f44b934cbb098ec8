"""A fleet of simulated ships, imaged by a simulated optical and a simulated radar satellite."""
