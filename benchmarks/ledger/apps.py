from django.apps import AppConfig


class LedgerBenchmarkConfig(AppConfig):
    name = "benchmarks.ledger"
    label = "bench"
