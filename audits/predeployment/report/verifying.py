"""How a reader checks a report who does not trust whoever made it."""

STEPS = (
    "The report as JSON is attached to this file (report.json). Its SHA-256 stands at the foot of every page: another "
    "copy with that digest says the same.",
    "Each result's content, written as JSON with sorted keys, without spaces and in ASCII, has the SHA-256 that stands "
    "beside it. What the audit's digest covers is written the same way: the weights, the policy, and each result. The "
    "program below recomputes all of them; it needs Python and nothing else.",
    "The ledger holds the audit's end as the entry named here. On the platform, open that entry, take the evidence "
    "bundle, and check it with the verifier (verifier.pyz), which needs no account and no trust in the platform.",
    "A site signs each answer that it gives. The digests of the answers are part of the results; a site can compare "
    "them with its own records.",
)

# Run as it is printed: a test runs it on a report.
PROGRAM = """\
import hashlib, json

def sha(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

report = json.load(open("report.json"))
results = {r["content"]["check_id"]: sha(r["content"]) for r in report["checks"]}
assert all(sha(r["content"]) == r["sha256"] for r in report["checks"])
assert report["digest_covers"]["checks"] == results
assert sha(report["digest_covers"]) == report["audit"]["digest"]
print("The results have the digest", report["audit"]["digest"])
"""
