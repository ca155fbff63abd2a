"""One report, made by its own job in this process: prints its seconds and the most memory held, as JSON."""

from __future__ import annotations

import datetime as dt
import json
import resource
import time

import django


def main() -> None:
    django.setup()
    from django.utils import timezone

    from audits.posthoc.models import Report
    from core import jobs
    from core.models import Job
    from qflethics.celery import app

    app.loader.import_default_modules()
    today = timezone.now().date()
    period = {"period_start": today - dt.timedelta(days=30), "period_end": today}
    issue = Report.objects.filter(**period).count() + 1
    report = Report.objects.create(**period, issue=issue, reason="Measured." if issue > 1 else "")
    job = jobs.enqueue("report.render", {"report": str(report.id)}, key=f"report.render:{report.id}")
    began = time.perf_counter()
    if not jobs.run(job.id):
        raise RuntimeError(Job.objects.get(id=job.id).error)
    seconds = time.perf_counter() - began
    report.refresh_from_db()
    if report.state != Report.State.FINISHED:
        raise RuntimeError(report.stop_reason)
    counts, trail = report.summary["counts"], report.summary["trail"]
    told = trail["completeness"]
    parts = (
        f"{counts['approvals']} decisions reported, trail {trail['verdict']}, {told['found']} of {told['expected']} "
        f"rows found, {told['hashed']} of {told['bulk']} bulk rows hashed"
    )
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": seconds, "rss_gib": rss, "parts": parts}))


if __name__ == "__main__":
    main()
