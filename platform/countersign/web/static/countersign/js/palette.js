// The search page over any page. Opens where the search link is followed (keyboard.js follows it for "/") and with
// Ctrl-K or Cmd-K; shows the part `hits` of the search page, so both find the same. Without script the link leads
// to that page. Arrows move the focus itself between the box and the hits, Enter is the link's own; letters type.

const TEMPLATE = document.getElementById("palette");
const WAIT_MS = 150; // after the last letter

let open = null;

const links = () => [...open.palette.querySelectorAll(".hits a[href]")].filter((link) => link.offsetParent !== null);

const mark = () => {
  for (const row of open.palette.querySelectorAll(".hits li")) {
    row.classList.toggle("on", row.contains(document.activeElement));
  }
};

const move = (step) => {
  const places = [open.box, ...links()];
  const at = Math.max(places.indexOf(document.activeElement), 0);
  const next = places[(at + step + places.length) % places.length];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
};

const search = async () => {
  const said = open.box.value.trim();
  open.asked?.abort();
  const here = open;
  here.asked = new AbortController();
  const url = new URL(here.form.action);
  url.search = new URLSearchParams({ q: said });
  here.all.href = url;
  here.go.hidden = said !== "";
  if (!said) {
    here.hits.replaceChildren();
    here.all.textContent = "Search page";
    return;
  }
  try {
    const answer = await fetch(url, {
      headers: { "HX-Request": "true", "HX-Target": "hits" },
      signal: here.asked.signal,
    });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const part = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("hits");
    if (here !== open || !part) return;
    here.hits.replaceChildren(...part.childNodes);
    here.all.textContent = `All ${Number(part.dataset.total).toLocaleString("en")} results`;
  } catch (error) {
    if (error.name === "AbortError" || here !== open) return;
    here.hits.replaceChildren(Object.assign(document.createElement("p"), {
      textContent: "The search did not answer. Press Enter for its own page.",
    }));
  }
};

// The nouns of the top bar, by the row the template holds.
const listNouns = (list) => {
  const row = list.querySelector("li");
  row.remove();
  for (const noun of document.querySelectorAll("nav a[data-go]")) {
    const copy = row.cloneNode(true);
    const link = copy.querySelector("a");
    link.href = noun.href;
    link.textContent = noun.firstChild.textContent.trim();
    copy.querySelector("[data-letter]").textContent = noun.dataset.go.toUpperCase();
    list.append(copy);
  }
};

const close = () => {
  if (!open) return;
  open.asked?.abort();
  clearTimeout(open.timer);
  open.palette.remove();
  for (const element of open.under) element.inert = false;
  const back = open.before;
  open = null;
  back?.focus();
};

const show = () => {
  if (open || !TEMPLATE || document.querySelector("dialog[open]")) return;
  const under = [...document.body.children].filter((element) => !element.inert && element.id !== "said");
  const palette = document.createElement("div");
  palette.append(TEMPLATE.content.cloneNode(true));
  document.body.append(palette);
  const find = (selector) => palette.querySelector(selector);
  open = {
    palette,
    under,
    before: document.activeElement,
    form: find("form"),
    box: find("input"),
    hits: find("[data-palette-hits]"),
    go: find("[data-palette-go]"),
    all: find("[data-palette-all]"),
    asked: null,
    timer: 0,
  };
  for (const element of under) element.inert = true;
  listNouns(find("[data-palette-go] ul"));
  open.box.addEventListener("input", () => {
    clearTimeout(open.timer);
    open.timer = setTimeout(search, WAIT_MS);
  });
  palette.addEventListener("focusin", mark);
  find("[data-palette-close]").addEventListener("click", close);
  open.box.focus();
};

document.addEventListener("click", (event) => {
  const link = event.target.closest?.('a[data-key="/"]');
  if (!link || !TEMPLATE || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  show();
});

// Before keyboard.js, so that its letters rest while the palette is open.
document.addEventListener(
  "keydown",
  (event) => {
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      event.preventDefault();
      if (open) close();
      else show();
      return;
    }
    if (!open) return;
    if (event.key === "Escape") {
      event.preventDefault();
      close();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key.length === 1 && event.target !== open.box && !event.ctrlKey && !event.metaKey && !event.altKey) {
      open.box.focus(); // the letter then goes on in the box
    } else {
      return;
    }
    event.stopPropagation();
  },
  { capture: true },
);
