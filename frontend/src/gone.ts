// What a page asked for is not there for its reader any more: it says so, asks no more, and leaves what was typed to be copied.
import { toast } from "./toast";

const GONE = "This conversation is not there for you any more.";

export function gone(asked: Element): void {
  asked.removeAttribute("data-poll");
  if (asked.id !== "news") { toast("What this page asks for is not there any more, or not within your reach."); return; }
  asked.remove();
  const closed = document.createElement("div");
  closed.className = "composer closed";
  const told = document.createElement("p");
  told.className = "flash warn";
  told.setAttribute("role", "alert");
  closed.append(told);
  const composer = document.querySelector<HTMLElement>("#conversation .composer");
  const typed = composer?.querySelector("textarea");
  if (typed?.value) { typed.readOnly = true; typed.setAttribute("aria-label", "What you wrote"); closed.append(typed); }
  if (composer) composer.replaceWith(closed);
  else document.querySelector("#conversation")?.append(closed);
  for (const edit of document.querySelectorAll<HTMLElement>("#outbox [data-edit]")) edit.hidden = true;
  // Into the page first, its words then: so they are read out.
  told.append(document.createElement("span"));
  told.firstElementChild!.textContent = typed?.value ? `${GONE} What you wrote was not sent; copy it from here before you go on.` : GONE;
}
