"""An OpenID Connect provider of a hospital, on Authlib: a process of its own on loopback.

    python tests/factories/identity_provider.py PORT

Discovery, published keys, the code flow with PKCE (demanded), a client that must show its secret. Whoever is sent to it
is signed in at once, as the person that the test has put before the screen; the test may also have it misbehave.
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector, current_token
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc6749.models import AuthorizationCodeMixin, ClientMixin
from authlib.oauth2.rfc6749.util import list_to_scope, scope_to_list
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode
from flask import Flask, jsonify, request
from joserfc.jwk import RSAKey

CLIENT, SECRET, KID = "qfl-ethics", "the secret of the client", "2026"


@dataclass
class State:
    """Who sits before the screen, what was handed out, and how the provider misbehaves."""

    person: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, Any] = field(default_factory=dict)


class Client(ClientMixin):
    """The platform, as the hospital has registered it."""

    client_id = CLIENT

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return list_to_scope([s for s in scope_to_list(scope) if s in {"openid", "email", "profile"}])

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.endswith("/login/with/north/back/")

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in {"client_secret_post", "client_secret_basic"}

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Code(AuthorizationCodeMixin):
    person: dict[str, Any]
    redirect_uri: str
    scope: str
    code_challenge: str
    code_challenge_method: str
    nonce: str | None
    auth_time: int = field(default_factory=lambda: int(time.time()))

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return self.auth_time

    def get_acr(self) -> str | None:
        return self.person.get("acr")

    def get_amr(self) -> list[str] | None:
        return self.person.get("amr")


class Token:
    """A bearer token, for the userinfo endpoint."""

    def __init__(self, person: dict[str, Any], scope: str) -> None:
        self.person, self.scope = person, scope

    def get_scope(self) -> str:
        return self.scope

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return False


def make_app(port: int) -> Flask:
    app, state, key = Flask(__name__), State(), RSAKey.generate_key(2048, {"kid": KID, "alg": "RS256", "use": "sig"})
    stranger = RSAKey.generate_key(2048, {"kid": KID, "alg": "RS256", "use": "sig"})
    issuer = f"http://127.0.0.1:{port}"

    class Grant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_post", "client_secret_basic"]

        def save_authorization_code(self, code: str, request: Any) -> None:
            told = request.payload.data
            state.codes[code] = Code(
                dict(request.user), request.payload.redirect_uri, request.payload.scope, told["code_challenge"],
                told.get("code_challenge_method", "plain"), told.get("nonce"),
            )  # fmt: skip

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            return state.codes.get(code)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            state.codes = {k: v for k, v in state.codes.items() if v is not authorization_code}

        def authenticate_user(self, authorization_code: Code) -> dict[str, Any]:
            return authorization_code.person

    class Identity(OpenIDCode):
        def exists_nonce(self, nonce: str, request: Any) -> bool:
            return False

        def get_jwt_config(self, grant: Any, client: Any = None) -> dict[str, Any]:
            signer = stranger if state.faults.get("key") else key
            return {
                "key": signer.as_dict(private=True), "alg": "RS256", "kid": KID,
                "iss": state.faults.get("iss", issuer), "exp": state.faults.get("exp", 300),
                "aud": [state.faults.get("aud", CLIENT)],
            }  # fmt: skip

        def generate_user_info(self, user: dict[str, Any], scope: str) -> dict[str, Any]:
            return {"sub": user["sub"], "jti": str(uuid.uuid4())}

    class Bearer(BearerTokenValidator):
        def authenticate_token(self, token_string: str) -> Token | None:
            return state.tokens.get(token_string)

    def save_token(token: dict[str, Any], request: Any) -> None:
        state.tokens[token["access_token"]] = Token(dict(request.user), token["scope"])

    server = AuthorizationServer(app, query_client=lambda i: Client() if i == CLIENT else None, save_token=save_token)
    server.register_grant(Grant, [CodeChallenge(required=True), Identity()])
    protect = ResourceProtector()
    protect.register_token_validator(Bearer())

    @app.get("/.well-known/openid-configuration")
    def discovery() -> Any:
        return jsonify({
            "issuer": state.faults.get("calls_itself", issuer), "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token", "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/keys", "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"], "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        })  # fmt: skip

    @app.get("/keys")
    def keys() -> Any:
        return jsonify({"keys": [key.as_dict(private=False)]})

    @app.get("/authorize")
    def authorize() -> Any:
        if request.args.get("code_challenge_method") != "S256":
            return jsonify({"error": "PKCE by S256 is demanded"}), 400
        grant = server.get_consent_grant(end_user=state.person)
        return server.create_authorization_response(grant=grant, grant_user=state.person or None)

    @app.post("/token")
    def token() -> Any:
        return server.create_token_response()

    @app.get("/userinfo")
    @protect("openid")
    def userinfo() -> Any:
        shown = {name: value for name, value in current_token.person.items() if name not in {"amr", "acr"}}
        return jsonify(shown | state.faults.get("userinfo", {}))

    @app.post("/test")
    def test() -> Any:
        told = request.get_json()
        state.person, state.faults = told.get("person", {}), told.get("faults", {})
        return jsonify({})

    return app


if __name__ == "__main__":
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback
    make_app(int(sys.argv[1])).run("127.0.0.1", int(sys.argv[1]), threaded=True)
