"""Who looks at a page in a real browser: wide and narrow, in both themes, without opening it again."""

from axe_playwright_python.base import AXE_SCRIPT
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage

from projects.access import Actor
from tests import browsers
from tests.doors.visiting import signed_in

WIDTHS = (1440, 390)
SETTLED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# What every form that changes something has folded away.
UNFOLD = "for (const box of document.querySelectorAll('details.why')) box.open = true"
# Django's own tables of inline rows begin with a column that has neither words nor a name.
OF_DJANGO = ('<th class="original"></th>',)
# The checker reads the colours of everything behind every text with a whole library, the same few again and again.
COLOURS_READ_ONCE = """(() => {
  const color = axe.commons.color.Color.prototype, read = color.parseString, known = new Map();
  color.parseString = function (text) {
    if (!known.has(text)) {
      read.call(this, text);
      known.set(text, [this.r, this.g, this.b, this.alpha]);
    }
    [this.r, this.g, this.b, this.alpha] = known.get(text);
    return this;
  };
})();"""
# In the dark theme a page is the same but for its colours.
LOOKS = (("light", '{"resultTypes": ["violations"]}'), ("dark", '{"runOnly": ["color-contrast"]}'))


class Eye:
    """`found` is what is wrong with the pages, `complaints` what the browser itself complained of."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.url = url
        # Themes change at once: a colour on its way is neither of the two.
        self.context = browser.new_context(viewport={"width": WIDTHS[0], "height": 900}, reduced_motion="reduce")
        self.context.add_init_script(AXE_SCRIPT + COLOURS_READ_ONCE)
        self.page = self.context.new_page()
        self.page.set_default_timeout(browsers.PATIENCE)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.found: list[str] = []
        self.complaints: list[str] = []

    def _said(self, message: ConsoleMessage) -> None:
        # Of a page that says 403 or 404 the browser says so, too; what has no address is of the checker's own script.
        known = "the server responded with a status of 4" in message.text or not message.location["url"]
        if message.type == "error" and not known:
            self.complaints.append(message.text)

    def become(self, who: Actor | Client) -> None:
        client = who if isinstance(who, Client) else signed_in(who)
        name = settings.SESSION_COOKIE_NAME
        self.context.clear_cookies()
        self.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": self.url}])

    def visit(self, address: str) -> None:
        self.page.goto(self.url + address)
        self.page.evaluate(UNFOLD)
        self.look(address)

    def look(self, name: str) -> None:
        """Whatever is on the screen now."""
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            if self.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                self.found.append(f"{name} scrolls sideways at {width}")
            for theme, options in LOOKS:
                self.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
                self.page.evaluate(SETTLED)
                for each in self.page.evaluate(f"axe.run({options}).then(told => told.violations)"):
                    node = each["nodes"][0]
                    if any(node["html"].startswith(one) for one in OF_DJANGO):
                        continue
                    self.found.append(f"{name}, {theme}, {width}: {each['id']}: {node['html'][:200]}")
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size({"width": WIDTHS[0], "height": 900})

    def close(self) -> None:
        self.context.close()
