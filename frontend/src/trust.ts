// The page's only Trusted Types policy, given to htmx by its own door for extensions. htmx brings an extension for this,
// but that one names its policy "htmx" and wants a nonce on every element; here what people type is escaped by the server
// and fenced with hx-ignore, and no fragment of ours holds a script, so the policy refuses any that does.
import htmx from "htmx.org";

const FOREIGN = /<(script|iframe|object|embed|base|meta)\b/i;

interface Rules { createHTML(text: string): string; createScript(text: string): string }
interface Trust { createPolicy(name: string, rules: Rules): Rules }
interface SecurityDoor { initSecurity(policy: Rules, sync: () => never, later: () => never): void }

const rules: Rules = {
  // The head of a whole page is parsed for its title only, into a document that runs nothing.
  createHTML(text) {
    if (!/^\s*<head[\s>]/i.test(text) && FOREIGN.test(text)) throw new TypeError("A fragment may not hold active elements.");
    return text;
  },
  createScript(text) {
    if (text) throw new TypeError("No script comes from a fragment.");
    return text;
  },
};

function refuse(): never {
  throw new TypeError("Code in attributes is not run.");
}

const trust = (window as unknown as { trustedTypes?: Trust }).trustedTypes;
const policy = trust ? trust.createPolicy("sd", rules) : rules;

htmx.registerExtension("sd", {
  init: (door: unknown) => (door as SecurityDoor).initSecurity(policy, refuse, refuse),
} as Parameters<typeof htmx.registerExtension>[1]);
