// Tells why something was refused, where there is no better place for it. A time to wait is counted down, and the sentence goes with it.
import { clockFace, countDown } from "./countdown";
import { patience, reason, tooMuch } from "./problem";
import { toast } from "./toast";

export async function tellWhy(answer: Response | null): Promise<void> {
  const seconds = patience(answer);
  if (!seconds) { toast(await reason(answer)); return; }
  const face = clockFace(seconds);
  toast(`${tooMuch(answer)} You can go on in `, undefined, seconds * 1000).append(face, ".");
  countDown(face, seconds);
}
