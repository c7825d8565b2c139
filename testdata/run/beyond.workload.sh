beyond
