"""The web library: pages, fragments, panels, navigation, charts and the look. It holds no table."""
