import os, pytest, time
from collections import Counter
from django.core.management import call_command
from django.db import connection
from tracking.models import Conversion, Click, Event
from payouts.models import Commission, PayoutRun
from payouts import commissions, verify


@pytest.mark.parametrize(
    "s", [86400 * 1 + 20 * 3600, 86400 * 3 + 9 * 3600, 86400 * 5 + 600, 86400 * 100]
)
def test_x(databases, django_db_blocker, tmp_path, monkeypatch, s):
    open(os.environ["CLOCK_FILE"], "w").write(str(s))
    with django_db_blocker.unblock():
        monkeypatch.setattr("django.conf.settings.STATE_DIR", tmp_path)
        databases.clone("demo")
        t = time.time()
        call_command("seed_demo")
        print(time.time() - t)
        print(Counter(Conversion.objects.values_list("status", flat=True)))
        print(Counter(Event.objects.filter(new="rejected").values_list("reason", flat=True)))
        print(Counter(Click.objects.values_list("reason", flat=True)))
        print(
            Counter(
                commissions.with_state(Commission.objects.all()).values_list("state", flat=True)
            )
        )
        print(
            list(
                PayoutRun.objects.values_list(
                    "state", "payouts_count", "total_minor", "locked_at", "closed_at"
                )
            )
        )
        print(
            [f for f in verify.verify() if f.rows],
            Conversion.objects.filter(status="pending", due_at=None).count(),
            Event.objects.filter(old="approved", new="approved").count(),
        )
        databases.use("test")
        databases.drop("demo")
    os.unlink(os.environ["CLOCK_FILE"])
