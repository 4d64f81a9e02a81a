// Shows moments in the reader's own time zone. The server's text is UTC and stays where a form must be unambiguous ("full").

type Form = "short" | "clock" | "day";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const weekday = new Intl.DateTimeFormat("en", { weekday: "short" });
const month = new Intl.DateTimeFormat("en-US", { month: "short" });
const day = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" });

function short(at: Date, now: Date): string {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  const days = Math.ceil((midnight - at.getTime()) / 86_400_000);
  if (days <= 0) return clock.format(at);
  if (days < 7) return weekday.format(at);
  const date = `${at.getDate()} ${month.format(at)}`;
  return at.getFullYear() === now.getFullYear() ? date : `${date} ${at.getFullYear()}`;
}

function text(at: Date, form: Form): string {
  return form === "clock" ? clock.format(at) : form === "day" ? day.format(at).replace(",", "") : short(at, new Date());
}

function localise(within: ParentNode): void {
  for (const time of within.querySelectorAll<HTMLTimeElement>("time[data-form]")) {
    const form = time.dataset["form"];
    const at = new Date(time.dateTime);
    if (form === "full" || Number.isNaN(at.getTime())) continue;
    const shown = text(at, form as Form);
    if (time.textContent !== shown) time.textContent = shown;
  }
}

export function startTimes(): void {
  localise(document);
  document.addEventListener("htmx:after:settle", () => localise(document));
}
