"""What the pages and pictures share: colours, charts, boxes, heat maps and the frame of an HTML page."""
