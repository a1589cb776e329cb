"""How models are used: copied out, drifting, leaking."""

from __future__ import annotations

from build.log_rows import Case, at, hourly, prompt, sizes, traffic


def cases() -> dict[str, Case]:
    """For each detection: hits, and rows that come as near as they can."""
    return {
        "extraction-volume": Case(
            {
                "AmlOnlineEndpointTrafficLog": [
                    *(traffic(at(1, seconds=n), IdentityData="thief") for n in range(501)),
                    *(traffic(at(1, seconds=n), IdentityData="", AuthType="Key") for n in range(501)),
                    *(traffic(at(1, seconds=n), IdentityData="edge") for n in range(500)),
                    *(traffic(at(1, minutes=30, seconds=7 * n), IdentityData="two-hours") for n in range(510)),
                    *(traffic(at(1, seconds=n), IdentityData="Batch") for n in range(501)),
                ]
            },
            [("thief", "e", "blue"), ("auth:Key", "e", "blue")],
            {"batch_callers": ["batch"]},
        ),
        "extraction-slow": Case(
            {
                "AmlOnlineEndpointTrafficLog": [
                    *(traffic(at(24 * day + n * 0.5), IdentityData="slow") for day in range(12) for n in range(48)),
                    *(
                        traffic(at(24 * day + 9 + n * 0.2), IdentityData="office")
                        for day in range(12)
                        for n in range(45)
                    ),
                    *(traffic(at(24 * day + n * 0.5), IdentityData="nine-days") for day in range(9) for n in range(48)),
                    *(
                        traffic(at(24 * day + n / 20), IdentityData="peak")
                        for day in range(12)
                        for n in range(400 if day == 5 else 20)
                    ),
                ]
            },
            [("slow", "e")],
            {"slow_requests": 400},
        ),
        "extraction-template": Case(
            {
                "ApiManagementGatewayLlmLog": [
                    *(prompt(at(1, seconds=n), f"Classify  customer {n}: yes or no?") for n in range(220)),
                    *(prompt(at(1, seconds=n), "Translate the same text, please") for n in range(220)),
                    *(prompt(at(1, seconds=n), f"Summarise order {n} for the team") for n in range(220)),
                    *(prompt(at(1, seconds=n), f"Question {n}") for n in range(199)),
                    prompt(at(1), RequestMessages=None),
                ]
            },
            [("classify customer #: yes or no?", "chat", "complete")],
            {"known_templates": ["summarise order"]},
        ),
        "behaviour-change": Case(
            {
                "AmlOnlineEndpointTrafficLog": [
                    *sizes(1400, 500),
                    *sizes(400, 900, 1400),
                    *sizes(1800, 500, DeploymentName="steady"),
                    *sizes(1000, 500, DeploymentName="short"),
                    *sizes(150, 900, 1000, DeploymentName="short"),
                ]
            },
            [("e", "blue")],
        ),
        "latency-drift": Case(
            {
                "AmlOnlineEndpointTrafficLog": [
                    *hourly(200, lambda hour: (200 if hour < 180 else 400) + 20 * (hour % 24)),
                    *hourly(200, lambda hour: 200 + 20 * (hour % 24) + hour % 7, DeploymentName="rhythm"),
                    *hourly(160, lambda hour: 200 if hour < 150 else 800, DeploymentName="young"),
                ]
            },
            [("e", "blue", "higher")],
        ),
        "token-drift": Case(
            {
                "ApiManagementGatewayLlmLog": [
                    *(
                        prompt(at(hour, n), CompletionTokens=(400 if hour < 180 else 100) + n)
                        for hour in range(200)
                        for n in range(30)
                    ),
                    *(
                        prompt(at(hour, n), CompletionTokens=400 + n, ModelName="same")
                        for hour in range(200)
                        for n in range(30)
                    ),
                ]
            },
            [("chat", "m", "lower")],
        ),
        "leak-canary": Case(
            {
                "ApiManagementGatewayLlmLog": [
                    prompt(at(1), answer="it says WBCANARY-7f3a (x)+ there"),
                    prompt(at(1), answer="wbcanary-7f3a (x)+", OperationName="lower"),
                    prompt(at(1), text="WBCANARY-7f3a (x)+", OperationName="asked"),
                    prompt(at(1), answer="WBCANARY-7f3a xx", OperationName="other"),
                ]
            },
            [("chat", "m", "complete")],
            {"canaries": ["WBCANARY-7f3a (x)+"]},
        ),
        "leak-personal": Case(
            {
                "ApiManagementGatewayLlmLog": [
                    *(prompt(at(1, n), answer=f"Ann, 123-45-67{n:02d}, ann{n}@mail.example") for n in range(21)),
                    *(prompt(at(1, n), answer="fine") for n in range(30)),
                    *(prompt(at(2, n), answer="123-45-6789") for n in range(20)),
                    *(prompt(at(1, n), answer="1234-56-78901 or a@b", ModelName="near") for n in range(50)),
                ]
            },
            [("chat", "m")],
        ),
    }
