// Desk work without leaving the conversation: a changed select is posted, then the details are read anew.
// Posting and reading are two requests because a redirect must not be followed here: under upgrade-insecure-requests the
// browser turns the second hop to https, which a desk on plain http (the demo) does not answer.
import htmx from "htmx.org";
import { pollNow } from "./poll";
import { tellWhy } from "./refusal";
import { renew, signedOut, token } from "./session";
import { say } from "./toast";

async function reread(): Promise<void> {
  await htmx.ajax("GET", location.href, { target: "#details", select: "#details", swap: "outerHTML", selectOOB: "#conversation-head" });
  const news = document.querySelector<HTMLElement>("#news");
  if (news) pollNow(news);
}

async function post(form: HTMLFormElement, body: URLSearchParams): Promise<Response | null> {
  return fetch(form.action, { method: "POST", body, redirect: "manual", headers: { Accept: "application/problem+json, text/html;q=0.5" } }).catch(() => null);
}

async function save(form: HTMLFormElement): Promise<void> {
  const body = new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, value.toString()]));
  const focused = document.activeElement?.id ?? "";
  const open = form.closest("[popover]")?.matches(":popover-open") ?? false;
  form.querySelector("fieldset")!.disabled = true;
  let answer = await post(form, body);
  // The session may be a newer one, from another tab.
  if (answer && [401, 403].includes(answer.status) && await renew() === "renewed") {
    body.set("csrf", token());
    answer = await post(form, body);
  }
  const taken = answer !== null && (answer.type === "opaqueredirect" || answer.ok);
  if (answer?.status === 401) { signedOut(); form.querySelector("fieldset")!.disabled = false; return; }
  if (taken) say("Saved");
  else await tellWhy(answer);
  await reread();
  if (open) document.querySelector<HTMLElement>("#details")?.showPopover();
  document.getElementById(focused)?.focus();
}

export function startTicket(): void {
  document.addEventListener("change", (event) => {
    const form = (event.target as Element).closest<HTMLFormElement>("#ticket");
    if (form) void save(form);
  });
}
