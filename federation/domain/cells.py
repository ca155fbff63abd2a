"""Of how few patients nothing is told. The one place for it: signed, sealed and masked runs, pages and studies.

A hospital may have a single patient in a set, and a figure of one hospital is then a figure of that patient.
"""

MIN_CELL = 5  # fewest patients of which a mean or a count is released; fewer can be undone by who knows some of them
MIN_SENT = 3  # fewest whose summed scores leave a site at all, in messages that only the coordinator reads
MIN_SUMMARISED = 20  # fewest at a site that is asked for noised histograms: fewer are smaller than the noise
MIN_TOLD = 10  # fewest where to be one of them says something by itself: opted out, or sent to a quantum computer


def whole_tens(patients: int) -> int:
    """The largest multiple of `MIN_TOLD` that is no more, or as many as there are if those are fewer.

    Figures of any number of patients would tell of one: those of 31 less those of 30.
    """
    return patients // MIN_TOLD * MIN_TOLD or patients
