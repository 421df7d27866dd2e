"""Hide the buttons that need the repository's public address, as long as there is none."""

from sphinx.application import Sphinx

NOT_SET = "/OWNER/REPO"
BUTTONS = ("use_repository_button", "use_issues_button", "use_edit_page_button")


def hide(app: Sphinx) -> None:
    """Take the buttons out of the theme's options."""
    options = app.config.html_theme_options
    if options.get("repository_url", "").rstrip("/").endswith(NOT_SET):
        options["launch_buttons"] = {}
        options.update(dict.fromkeys(BUTTONS, False))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx, before the theme looks."""
    app.connect("builder-inited", hide, priority=10)
    return {"parallel_read_safe": True}
