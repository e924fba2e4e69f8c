"""Large images: blocks around the part that is worked on."""
