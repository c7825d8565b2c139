static_probes 3
