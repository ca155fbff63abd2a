// Security keys: register one, sign a statement with it, or sign in. The challenge comes from the page (or, for a passkey at
// the sign-in, is asked for); the answer goes into the form.
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const described = (list) => (list || []).map((item) => ({ ...item, id: bytes(item.id) }));

  const created = async (options, passkey) => {
    if (passkey) {
      const wanted = passkey.checked ? "required" : "discouraged";
      const selection = { ...options.authenticatorSelection, residentKey: wanted, requireResidentKey: passkey.checked };
      if (passkey.checked) selection.userVerification = "required";
      options = { ...options, authenticatorSelection: selection };
    }
    const made = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        user: { ...options.user, id: bytes(options.user.id) },
        excludeCredentials: described(options.excludeCredentials),
      },
    });
    return {
      id: made.id, rawId: text(made.rawId), type: made.type,
      clientExtensionResults: passkey ? { credProps: made.getClientExtensionResults().credProps || {} } : {},
      response: { clientDataJSON: text(made.response.clientDataJSON), attestationObject: text(made.response.attestationObject) },
    };
  };
  const signed = async (options) => {
    const made = await navigator.credentials.get({
      publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: described(options.allowCredentials) },
    });
    return {
      id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: {},
      response: {
        clientDataJSON: text(made.response.clientDataJSON),
        authenticatorData: text(made.response.authenticatorData),
        signature: text(made.response.signature),
        userHandle: made.response.userHandle ? text(made.response.userHandle) : null,
      },
    };
  };

  // A sign-in without a name: the server gives the challenge, the device finds out whose key it has.
  const asked = async (address) => {
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error("no challenge");
    return (await response.json()).request_options.publicKey;
  };

  for (const form of document.querySelectorAll("[data-webauthn-create], [data-webauthn-get], [data-webauthn-from]")) {
    const status = form.querySelector("[data-webauthn-status]");
    const creating = "webauthnCreate" in form.dataset;
    form.querySelector("[data-webauthn-start]").addEventListener("click", async () => {
      if (!window.PublicKeyCredential) {
        status.textContent = "This browser knows no security keys here. They need https, or the address localhost.";
        return;
      }
      if (creating && !form.reportValidity()) return;
      status.textContent = "Follow what your browser asks.";
      try {
        const { webauthnCreate, webauthnGet, webauthnFrom, webauthnPasskey } = form.dataset;
        const options = webauthnFrom ? await asked(webauthnFrom) : JSON.parse(creating ? webauthnCreate : webauthnGet);
        const answer = creating ? await created(options, form.elements[webauthnPasskey]) : await signed(options);
        (form.elements.signature || form.elements.credential).value = JSON.stringify(answer);
        if (form.elements.signature) {
          status.textContent = "Signed. Give your password and record it.";
          form.elements.password.focus();
        } else {
          form.requestSubmit();
        }
      } catch (error) {
        status.textContent = `The security key did not answer (${error.name}). Nothing was sent.`;
      }
    });
  }
})();
