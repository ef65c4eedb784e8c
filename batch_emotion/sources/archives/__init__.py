"""Archives and tables of images: what is in them becomes a part of the plan, without an image being read."""
