// Passkeys: a form with data-passkey gets what an authenticator signs put into its hidden field, and is sent as any form.

interface Descriptor { type: "public-key"; id: string }
interface Asked { challenge: string; allowCredentials?: Descriptor[]; userVerification?: UserVerificationRequirement; timeout?: number }
interface Wanted extends Omit<PublicKeyCredentialCreationOptions, "challenge" | "user" | "excludeCredentials"> {
  challenge: string;
  user: { id: string; name: string; displayName: string };
  excludeCredentials: Descriptor[];
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(raw, (letter) => letter.charCodeAt(0));
}

function text(raw: ArrayBuffer | null): string {
  const letters = Array.from(new Uint8Array(raw ?? new ArrayBuffer()), (byte) => String.fromCharCode(byte)).join("");
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function described(listed: Descriptor[] = []): PublicKeyCredentialDescriptor[] {
  return listed.map(({ id, type }) => ({ id: bytes(id), type }));
}

/** Passkeys belong to host names (WebAuthn 5.1.2): at an IP address there are none. */
function possible(): boolean {
  return isSecureContext && "PublicKeyCredential" in window && !/^[\d.]+$|^\[/.test(location.hostname);
}

async function signed(asked: Asked): Promise<object> {
  const publicKey = { ...asked, challenge: bytes(asked.challenge), allowCredentials: described(asked.allowCredentials) };
  const found = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential;
  const answer = found.response as AuthenticatorAssertionResponse;
  return {
    id: found.id,
    client_data: text(answer.clientDataJSON),
    authenticator_data: text(answer.authenticatorData),
    signature: text(answer.signature),
    user_handle: text(answer.userHandle),
  };
}

async function made(wanted: Wanted): Promise<object> {
  const publicKey = {
    ...wanted,
    challenge: bytes(wanted.challenge),
    user: { ...wanted.user, id: bytes(wanted.user.id) },
    excludeCredentials: described(wanted.excludeCredentials),
  };
  const found = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential;
  const answer = found.response as AuthenticatorAttestationResponse;
  return { id: found.id, client_data: text(answer.clientDataJSON), attestation_object: text(answer.attestationObject) };
}

/** A challenge that is made only when it is needed. */
async function posed(form: HTMLFormElement, from: string): Promise<Asked> {
  const answer = await fetch(from, { method: "POST", headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error("no challenge");
  const { challenge } = (await answer.json()) as { challenge: string };
  form.querySelector<HTMLInputElement>("[name=challenge]")!.value = challenge;
  return { challenge, userVerification: "required" };
}

function tell(form: HTMLFormElement, sentence: string): void {
  const box = form.querySelector<HTMLElement>("[data-passkey-problem]")!;
  box.querySelector("span")!.textContent = sentence;
  box.hidden = false;
}

function reason(error: unknown, create: boolean): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "InvalidStateError" && create) return "This authenticator holds a passkey of yours already.";
  if (name === "NotAllowedError" || name === "AbortError") return "No passkey was chosen. Try again when you are ready.";
  return "That did not work with this browser or device. Nothing was changed.";
}

async function go(form: HTMLFormElement, button: HTMLButtonElement): Promise<void> {
  const create = form.dataset["passkey"] === "create";
  if (create && !form.reportValidity()) return;
  button.disabled = true;
  try {
    const given = form.dataset["options"];
    const answer = create ? await made(JSON.parse(given ?? "") as Wanted)
      : await signed(given ? (JSON.parse(given) as Asked) : await posed(form, form.dataset["ask"] ?? ""));
    form.querySelector<HTMLInputElement>(create ? "[name=attestation]" : "[name=assertion]")!.value = JSON.stringify(answer);
    form.submit();
  } catch (error) {
    tell(form, reason(error, create));
    button.disabled = false;
  }
}

export function startPasskeys(): void {
  if (!possible()) return;
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-passkey]")) {
    const button = form.querySelector<HTMLButtonElement>("[data-passkey-go]")!;
    form.hidden = button.hidden = false;
    for (const none of form.querySelectorAll<HTMLElement>("[data-passkey-none]")) none.hidden = true;
    button.addEventListener("click", () => void go(form, button));
  }
}
