// Tells why something was refused, where there is no better place for it. A time to wait is counted down, and the sentence goes with it.
import { clockFace, countDown } from "./countdown";
import { patience, reason } from "./problem";
import { toast } from "./toast";

export async function tellWhy(answer: Response | null): Promise<void> {
  const seconds = answer?.status === 429 ? patience(answer) : 0;
  if (!seconds) { toast(await reason(answer)); return; }
  const face = clockFace(seconds);
  toast("Too many at once. You can go on in ", undefined, seconds * 1000).append(face, ".");
  countDown(face, seconds);
}
