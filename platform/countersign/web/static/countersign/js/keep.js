// Nothing typed is lost. A textarea with data-keep is written to this tab's storage while one types, and put back
// when its page comes again without it: after a dropped connection, an error page, an expired session.
// It is let go when the server has answered with success: a redirect after the POST, or a good answer to htmx.

// Per person, so that nobody who signs in after them in this tab reads it; signing out forgets it.
const PREFIX = `keep:${document.body.dataset.who ?? ""}:`;
const DAY = 24 * 60 * 60 * 1000;

const keyOf = (field) => `${PREFIX}${location.pathname}#${field.form?.id || field.form?.getAttribute("action") || ""}#${field.name}`;

const read = (key) => {
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null;
  }
};

const write = (key, record) => {
  try {
    sessionStorage.setItem(key, JSON.stringify(record));
  } catch {
    // No storage, or it is full: typing goes on as it would without this module.
  }
};

const keys = () => Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX));

const notice = (kind, icon, text) => {
  const box = document.createElement("div");
  box.className = `notice ${kind}`;
  box.setAttribute("role", kind === "refuse" ? "alert" : "status");
  box.innerHTML = `<svg class="i" aria-hidden="true"><use href="#i-${icon}"/></svg><div><p></p></div>`;
  box.querySelector("p").textContent = text;
  return box;
};

const letGoOfSent = () => {
  for (const key of keys()) {
    if (read(key)?.sent) sessionStorage.removeItem(key);
  }
};

const restore = (root) => {
  for (const field of root.querySelectorAll("textarea[data-keep]")) {
    const key = keyOf(field);
    const record = read(key);
    if (!record || Date.now() - record.at > DAY) continue;
    if (record.value === field.value || field.value !== field.defaultValue) continue;
    const found = field.value;
    field.value = record.value;
    const box = notice("plain", "edit", "Restored draft: text you had not sent was put back. ");
    const discard = document.createElement("button");
    discard.type = "button";
    discard.className = "btn tight quiet";
    discard.textContent = "Discard it";
    discard.addEventListener("click", () => {
      sessionStorage.removeItem(key);
      field.value = found;
      box.remove();
      field.focus();
    });
    box.querySelector("p").append(discard);
    field.after(box);
  }
};

document.addEventListener("input", (event) => {
  if (!event.target.matches("textarea[data-keep]")) return;
  write(keyOf(event.target), { value: event.target.value, at: Date.now(), sent: false });
});

document.addEventListener("submit", (event) => {
  if ("signOut" in event.target.dataset) {
    for (const key of keys()) sessionStorage.removeItem(key);
  }
  for (const field of event.target.querySelectorAll("textarea[data-keep]")) {
    write(keyOf(field), { value: field.value, at: Date.now(), sent: true });
  }
});

// --- what htmx was told -----------------------------------------------------------------------------------

// What asks again by itself (hx-trigger="every …") says no without taking the focus from who types.
const polls = (detail) => detail.elt?.getAttribute("hx-trigger")?.includes("every");

const sayNo = (box, quietly = false) => {
  document.getElementById("not-sent")?.remove();
  box.id = "not-sent";
  box.tabIndex = -1;
  document.getElementById("main").prepend(box);
  if (!quietly) box.focus();
};

document.addEventListener("htmx:sendError", (event) => {
  if (polls(event.detail)) {
    if (!document.getElementById("not-sent")) {
      sayNo(notice("plain", "clock", "The connection dropped, so this page may be old. What you type is kept."), true);
    }
    return;
  }
  sayNo(notice("refuse", "refuse", "Not sent: the connection dropped. Your text is kept where it stands; trying again is safe."));
});

// A form that is refused in place (its own page says why and keeps what was typed) is swapped in as a good answer is.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = event; // its elt is what is swapped, not what asked
  if (![403, 409, 429].includes(detail.xhr.status) || !detail.requestConfig.elt.matches("form")) return;
  const answer = new DOMParser().parseFromString(detail.xhr.responseText, "text/html");
  if (!answer.getElementById("main") || answer.querySelector(".says-no")) return;
  detail.shouldSwap = true;
  detail.isError = false;
});

document.addEventListener("htmx:responseError", (event) => {
  const quietly = polls(event.detail);
  // The answer is a page that says no: its words are shown in place.
  const answer = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html").querySelector(".says-no");
  if (!answer) {
    sayNo(notice("refuse", "refuse", `The server answered ${event.detail.xhr.status}. Your text is kept where it stands.`), quietly);
    return;
  }
  for (const title of answer.querySelectorAll("h1")) {
    const lower = document.createElement("h2");
    lower.id = title.id;
    lower.append(...title.childNodes);
    title.replaceWith(lower);
  }
  answer.setAttribute("role", "alert");
  sayNo(document.adoptNode(answer), quietly);
});

document.addEventListener("htmx:afterRequest", (event) => {
  // By the status: htmx leaves `successful` unset when the answer is a redirect of its own.
  const { xhr, requestConfig } = event.detail;
  if (polls(event.detail) && xhr.status >= 200 && xhr.status < 300) document.querySelector("#not-sent.plain")?.remove();
  if (xhr.status >= 200 && xhr.status < 300 && requestConfig.verb !== "get") letGoOfSent();
});

document.addEventListener("htmx:load", (event) => restore(event.detail.elt));

// --- the page as it came ------------------------------------------------------------------------------------

const redirected = performance.getEntriesByType("navigation")[0]?.redirectCount > 0;
if (redirected && !("nothingSaved" in document.body.dataset)) letGoOfSent();
restore(document);
