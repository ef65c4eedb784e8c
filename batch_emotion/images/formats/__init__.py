"""The formats that are decoded, one module each: facts from a file's header, and samples as they are stored."""
