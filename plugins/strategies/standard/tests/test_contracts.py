"""Every standard strategy passes the kit of its kind, as it is without options and with some."""

from typing import ClassVar

import taxiway_standard
from taxiway.testing.strategy import StrategyContract


class TestBalanced(StrategyContract):
    module = taxiway_standard
    name = "balanced"


class TestBalancedWithOptions(StrategyContract):
    module = taxiway_standard
    name = "balanced"
    options: ClassVar = {"exponent": 7.5}


class TestOrder(StrategyContract):
    module = taxiway_standard
    name = "order"


class TestPrice(StrategyContract):
    module = taxiway_standard
    name = "price"


class TestRoundRobin(StrategyContract):
    module = taxiway_standard
    name = "round-robin"


class TestLeastBusy(StrategyContract):
    module = taxiway_standard
    name = "least-busy"


class TestWeighted(StrategyContract):
    module = taxiway_standard
    name = "weighted"
    options: ClassVar = {"weights": {"provider-0": 0, "provider-1": 5.5}}


class TestLatency(StrategyContract):
    module = taxiway_standard
    name = "latency"


class TestLatencyWithOptions(StrategyContract):
    module = taxiway_standard
    name = "latency"
    options: ClassVar = {"quantile": 0.9, "tolerance": 0.0, "explore": 1.0}


class TestThroughput(StrategyContract):
    module = taxiway_standard
    name = "throughput"


class TestThroughputWithOptions(StrategyContract):
    module = taxiway_standard
    name = "throughput"
    options: ClassVar = {"quantile": 0.9, "tolerance": 1e-300, "explore": 0.0}


class TestUptime(StrategyContract):
    module = taxiway_standard
    name = "uptime"


class TestUptimeWithOptions(StrategyContract):
    module = taxiway_standard
    name = "uptime"
    options: ClassVar = {"step": 0.0001}


class TestAdjusted(StrategyContract):
    module = taxiway_standard
    name = "adjusted"


class TestAdjustedWithOptions(StrategyContract):
    module = taxiway_standard
    name = "adjusted"
    options: ClassVar = {"dollars_per_hour": 0.0, "tolerance": 0.0}


class TestBandit(StrategyContract):
    module = taxiway_standard
    name = "bandit"


class TestBanditWithOptions(StrategyContract):
    module = taxiway_standard
    name = "bandit"
    options: ClassVar = {"explore": 1.0}


class TestCanary(StrategyContract):
    module = taxiway_standard
    name = "canary"
    options: ClassVar = {"to": "provider-1"}


class TestCanaryWithOptions(StrategyContract):
    module = taxiway_standard
    name = "canary"
    options: ClassVar = {"to": "acme/model-2", "share": 1.0, "by": "api-key"}


class TestPareto(StrategyContract):
    module = taxiway_standard
    name = "pareto"


class TestParetoWithOptions(StrategyContract):
    module = taxiway_standard
    name = "pareto"
    options: ClassVar = {"quality": {"acme/model-1": 0.5, "p-1": 0.9}, "least_quality": 0.6, "within": "1s"}
