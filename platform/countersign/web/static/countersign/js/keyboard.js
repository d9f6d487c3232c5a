// Shortcuts. Off while typing, with a modifier, and when switched off; no key signs, sends or deletes.
//   /            follows the link with data-key="/"; any one letter in data-key works the same
//   ?            the list of keys (a dialog that also opens by its address, #keys, without script)
//   J K Enter    rows of [data-rows]: the first link of each row takes the focus, Enter is the link's own
//   X            ticks the row's checkbox
//   letter       the link with data-row-key="letter" in the row where the focus is (E puts a task aside)
//   G, letter    the noun with data-go="letter"

const SWITCH = "shortcuts";
const CHORD_MS = 1500;

const off = () => {
  try {
    return localStorage.getItem(SWITCH) === "off";
  } catch {
    return false;
  }
};

const typing = (element) =>
  element.isContentEditable || element.matches("input:not([type=checkbox], [type=radio]), textarea, select");

const rows = () =>
  [...document.querySelectorAll("[data-rows] > li, tbody[data-rows] > tr, table[data-rows] > tbody > tr")].filter(
    (row) => row.querySelector("a[href]") && row.offsetParent !== null,
  );

const here = () => rows().findIndex((row) => row.contains(document.activeElement));

const move = (step) => {
  const all = rows();
  if (!all.length) return false;
  const at = here();
  const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1);
  all[next].querySelector("a[href]").focus();
  all[next].scrollIntoView({ block: "nearest" });
  return true;
};

const mark = () => {
  const box = rows()[here()]?.querySelector("input[type=checkbox]");
  box?.click();
  return Boolean(box);
};

// Only links are followed, so that no key can send a form.
const follow = (selector) => {
  const link = [...document.querySelectorAll(selector)].find((found) => found.offsetParent !== null);
  if (!link) return false;
  link.click();
  return true;
};

const followInRow = (key) => {
  const link = rows()[here()]?.querySelector(`a[data-row-key="${key}"]`);
  link?.click();
  return Boolean(link);
};

// --- the list of keys ----------------------------------------------------------------------------------------

const sheet = document.getElementById("keys");
let before = null;

const openSheet = () => {
  if (!sheet || sheet.open) return false;
  before = document.activeElement;
  sheet.showModal();
  return true;
};

sheet?.addEventListener("close", () => before?.focus());
sheet?.querySelector("[data-close]")?.addEventListener("click", (event) => {
  event.preventDefault();
  sheet.close();
});

document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href="#keys"]');
  if (link && openSheet()) event.preventDefault();
  // A menu closes when one looks elsewhere.
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

const button = sheet?.querySelector("[data-keys-switch]");
const showSwitch = () => {
  if (!button) return;
  button.textContent = off() ? "Switch shortcuts on" : "Switch shortcuts off";
  button.setAttribute("aria-pressed", String(off()));
};
button?.addEventListener("click", () => {
  try {
    localStorage.setItem(SWITCH, off() ? "on" : "off");
  } catch {
    // Without storage the shortcuts stay as they are.
  }
  showSwitch();
});
showSwitch();

// --- keys ------------------------------------------------------------------------------------------------------

let chord = -Infinity; // when G was pressed

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const menu = document.querySelector("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    return;
  }
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (off() || sheet?.open || typing(event.target)) return;
  const key = event.key.toLowerCase();
  let done = false;
  if (event.timeStamp - chord < CHORD_MS && /^[a-z]$/.test(key)) {
    chord = -Infinity;
    done = follow(`a[data-go="${key}"]`);
  } else if (key === "g") {
    chord = event.timeStamp;
  } else if (key === "?") {
    done = openSheet();
  } else if (key === "j" || key === "k") {
    done = move(key === "j" ? 1 : -1);
  } else if (key === "x") {
    done = mark();
  } else if (/^[a-z/]$/.test(key)) {
    done = followInRow(key) || follow(`a[data-key="${key}"]`);
  }
  if (done) event.preventDefault();
});
