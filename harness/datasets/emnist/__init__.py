"""EMNIST: handwritten digits and letters (Cohen, Afshar, Tapson & van Schaik, 2017), from NIST's own files."""
