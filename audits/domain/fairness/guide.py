"""From the harm that somebody fears to the figure that would show it, and to what that figure cannot see."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Harm:
    """One way in which a model may harm a group of patients.

    Attributes
    ----------
    harm : what happens, as a patient would say it
        A whole sentence.
    hurts : whom it hurts
    metric : the figure that shows it
    check : id of the check that reports the figure
    where : which part of that check's results to read
    blind_spot : what the figure does not see
    """

    harm: str
    hurts: str
    metric: str
    check: str
    where: str
    blind_spot: str


GUIDE: tuple[Harm, ...] = (
    Harm(
        "My illness is overlooked more often than that of others.",
        "Ill patients of the group",
        "Gap in the share of ill patients found (TPR)",
        "bias_score",
        "The largest gap by attribute, rows of TPR",
        "Ill patients whose illness the reference diagnosis missed as well count as healthy.",
    ),
    Harm(
        "I am sent to tests and treatments that I do not need.",
        "Healthy patients of the group",
        "Gap in the share of healthy patients flagged (FPR)",
        "bias_score",
        "The largest gap by attribute, rows of FPR",
        "It says how often, not how heavy the needless treatment is.",
    ),
    Harm(
        "The outline of my lesion is worse, so that treatment is planned worse.",
        "Patients with a lesion",
        "Gap in overlap with the expert's outline (Dice)",
        "bias_score",
        "The largest gap by attribute, rows of Dice",
        "A group with smaller lesions has lower Dice even from equally careful outlines.",
    ),
    Harm(
        "People like me are harmed, but no list of groups names us.",
        "Patients where several attributes meet",
        "Largest excess of harm in any describable subgroup",
        "mdss",
        "Most harmed, and least certain",
        "Only attributes that are recorded describe subgroups; very small subgroups are not searched.",
    ),
    Harm(
        "It is fair on the whole, but not for us at this hospital.",
        "A group at one site",
        "Gap between groups at single sites",
        "bias_score",
        'The largest gap by attribute, rows that end in "site"',
        "Sites with few patients cannot be compared; they are listed as too small.",
    ),
    Harm(
        'For me "80 % likely" does not mean 80 in 100, so my doctor is misled.',
        "Everybody whose doctor reads the score",
        "Calibration error and slope by group",
        "calibration",
        "Calibration error by group, before and after",
        "A calibrated score may still find fewer of the ill in one group.",
    ),
    Harm(
        "The model was tested on people who are not like us.",
        "Patients of groups that the audit hardly holds",
        "Distance between audited patients and the declared target population",
        "target_population",
        "Shares by group",
        "It compares one attribute at a time, and rests on what the policy declares.",
    ),
    Harm(
        "There were too few of us for anybody to know.",
        "Small groups and small sites",
        "Groups listed as too small to be compared",
        "bias_score",
        "Too small to be compared",
        "What is not measured may be anything; it is not a pass.",
    ),
    Harm(
        "Fewer of us are offered further care, whoever is ill.",
        "Groups with less access to care",
        "Selection rates (statistical parity, disparate impact)",
        "aif360",
        "Statistical parity difference",
        "Illness may rightly differ in frequency between groups, so a gap alone is no fault.",
    ),
    Harm(
        "The model treats us differently in ways that one threshold does not show.",
        "Groups whose scores or inner states differ among the equally ill",
        "Label-conditional kernel test, quantum beside classical",
        "quantum_mmd",
        "The p-value of each attribute",
        "A p-value says that there is a difference, not how large or whether it harms.",
    ),
)
