// The islands of every page. Each looks for its own elements and does nothing on a page without them.
import "./trust";
import { startComposer } from "./composer";
import { startCountdown } from "./countdown";
import { startFilter } from "./filter";
import { startForms } from "./forms";
import { startKeys } from "./keys";
import { startLive } from "./live";
import { startOutbox } from "./outbox";
import { startPasskeys } from "./passkey";
import { startPolling } from "./poll";
import { startProofs } from "./proof";
import { startRows } from "./rows";
import { startTicket } from "./ticket";
import { startTimes } from "./times";

startTimes();
startForms();
startComposer();
startOutbox();
startRows();
startFilter();
startTicket();
startProofs();
startKeys();
startCountdown();
startPasskeys();
startPolling();
startLive();
