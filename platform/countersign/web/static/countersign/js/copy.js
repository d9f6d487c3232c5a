// Copy buttons: <button data-copy="the whole value">. What was copied is said in the page's live region.

const said = (text) => {
  const region = document.getElementById("said");
  if (region) region.textContent = text;
};

// The clipboard of the browser is there only on https and localhost.
const copyBySelection = (value) => {
  const field = document.createElement("textarea");
  field.className = "vh";
  field.value = value;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const value = button.dataset.copy;
  let done;
  try {
    await navigator.clipboard.writeText(value);
    done = true;
  } catch {
    done = copyBySelection(value);
    button.focus();
  }
  said(done ? `Copied ${value.slice(0, 24)}` : "Not copied; select the text and copy it yourself.");
  const use = button.querySelector("use");
  if (!done || !use) return;
  use.setAttribute("href", "#i-met");
  setTimeout(() => use.setAttribute("href", "#i-copy"), 1600);
});
