// Security keys: register one, or sign a statement with it. The challenge comes from the page; the answer goes into the form.
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const described = (list) => (list || []).map((item) => ({ ...item, id: bytes(item.id) }));

  const created = async (options) => {
    const made = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        user: { ...options.user, id: bytes(options.user.id) },
        excludeCredentials: described(options.excludeCredentials),
      },
    });
    return {
      id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: {},
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

  for (const form of document.querySelectorAll("[data-webauthn-create], [data-webauthn-get]")) {
    const status = form.querySelector("[data-webauthn-status]");
    const creating = "webauthnCreate" in form.dataset;
    form.querySelector("[data-webauthn-start]").addEventListener("click", async () => {
      if (!window.PublicKeyCredential) {
        status.textContent = "This browser knows no security keys. Use the signing program.";
        return;
      }
      if (creating && !form.reportValidity()) return;
      status.textContent = "Follow what your browser asks.";
      try {
        const options = JSON.parse(creating ? form.dataset.webauthnCreate : form.dataset.webauthnGet);
        const answer = JSON.stringify(creating ? await created(options) : await signed(options));
        form.elements[creating ? "credential" : "signature"].value = answer;
        status.textContent = "Signed. Give your password and record it.";
        if (creating) form.requestSubmit();
        else form.elements.password.focus();
      } catch (error) {
        status.textContent = `The security key did not answer (${error.name}). Nothing was signed.`;
      }
    });
  }
})();
