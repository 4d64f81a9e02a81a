// Shows moments in the reader's own time zone. The server's text is UTC and stays where a form must be unambiguous ("full").

type Form = "short" | "clock" | "day" | "date" | "when";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const weekday = new Intl.DateTimeFormat("en", { weekday: "short" });
const month = new Intl.DateTimeFormat("en-US", { month: "short" });
const day = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" });

function short(at: Date, now: Date): string {
  // Whole days, whatever the clocks were set to in between; below zero what is to come.
  const days = Math.round((new Date(now).setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return clock.format(at);
  if (0 < days && days < 7) return weekday.format(at);
  return at.getFullYear() === now.getFullYear() ? `${at.getDate()} ${month.format(at)}` : dated(at);
}

const dated = (at: Date): string => `${at.getDate()} ${month.format(at)} ${at.getFullYear()}`;

function text(at: Date, form: Form): string {
  switch (form) {
    case "clock": return clock.format(at);
    case "day": return day.format(at).replace(",", "");
    case "date": return dated(at);
    case "when": return `${dated(at)}, ${clock.format(at)}`;
    default: return short(at, new Date());
  }
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
