"""Why the law lets a hospital use patients' data in a run, as data. The words are our own, not those of a law.

A platform does not know whether a basis applies; it asks that each institution says which one it relies on, and keeps
the answer with the run.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Basis:
    """One ground of lawfulness.

    Attributes
    ----------
    code : str
        How a frozen configuration names it; never reused for another.
    reference : str
        Where the law says so.
    words : str
        What it means, in our own words.
    """

    code: str
    reference: str
    words: str

    @property
    def label(self) -> str:
        return f"{self.reference}: {self.words}" if self.reference else self.words


NO_PERSONAL_DATA = "no_personal_data"
NOT_APPLICABLE = "not_applicable"

LAWFULNESS = (
    Basis("gdpr_6_1_a", "GDPR Art. 6(1)(a)", "the patients consented to this use"),
    Basis("gdpr_6_1_c", "GDPR Art. 6(1)(c)", "a law obliges the hospital to it"),
    Basis("gdpr_6_1_e", "GDPR Art. 6(1)(e)", "a task in the public interest, laid down by law"),
    Basis("gdpr_6_1_f", "GDPR Art. 6(1)(f)", "a legitimate interest that outweighs the patients' own"),
    Basis(NO_PERSONAL_DATA, "", "no personal data are used: the records are synthetic"),
    Basis(NOT_APPLICABLE, "", "the GDPR does not apply to this federation"),
)
SPECIAL_CATEGORY = (
    Basis("gdpr_9_2_a", "GDPR Art. 9(2)(a)", "the patients consented explicitly"),
    Basis("gdpr_9_2_h", "GDPR Art. 9(2)(h)", "care, diagnosis or running a health service, under professional secrecy"),
    Basis("gdpr_9_2_i", "GDPR Art. 9(2)(i)", "public health, such as the safety of medical devices"),
    Basis("gdpr_9_2_j", "GDPR Art. 9(2)(j) with 89(1)", "research with safeguards, where a law provides for it"),
    Basis(NO_PERSONAL_DATA, "", "no personal data are used: the records are synthetic"),
    Basis(NOT_APPLICABLE, "", "the GDPR does not apply to this federation"),
)
HIPAA = (
    Basis("hipaa_508", "45 CFR 164.508", "the patients authorised the research in writing"),
    Basis("hipaa_512_i", "45 CFR 164.512(i)", "a review board waived the authorisation"),
    Basis("hipaa_514_b", "45 CFR 164.514(a)-(b)", "the data are de-identified, so they are not protected health data"),
    Basis("hipaa_514_e", "45 CFR 164.514(e)", "a limited data set under a data use agreement"),
    Basis("hipaa_506_c", "45 CFR 164.506(c)", "the hospital's own treatment or quality work"),
    Basis(NO_PERSONAL_DATA, "", "no personal data are used: the records are synthetic"),
    Basis(NOT_APPLICABLE, "", "HIPAA does not apply to this federation"),
)


def find(code: str, among: tuple[Basis, ...]) -> Basis:
    """The basis of that code. Raises ValueError that names the known ones."""
    for basis in among:
        if basis.code == code:
            return basis
    raise ValueError(f"expected a legal basis among {', '.join(b.code for b in among)}, got {code!r}")
