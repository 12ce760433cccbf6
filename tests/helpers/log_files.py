"""Small process logs and CloudEvents with what real ones have: the names say what is special about them."""

from __future__ import annotations

from collections.abc import Mapping

NO_RESOURCE = """\
case:concept:name,concept:name,time:timestamp
o-1,Receive order,2024-03-01T08:00:00Z
o-1,Pack,2024-03-01T09:30:00Z
o-2,Receive order,2024-03-02T08:00:00Z
"""

FOREIGN_COLUMNS = """\
case_id;activity;timestamp;costs;worker
7;register;2024-03-01 08:00:00+01:00;50;Ana
7;check;2024-03-01 09:00:00+01:00;20;
"""

INTERVAL = """\
case:concept:name,concept:name,start_timestamp,time:timestamp
i-1,Grind,2024-03-01T08:00:00Z,2024-03-01T08:20:00Z
i-1,Polish,2024-03-01T08:20:00Z,2024-03-01T09:00:00Z
"""

LIFECYCLE = """\
case:concept:name,concept:name,org:resource,time:timestamp,lifecycle:transition
t-1,Repair,Ana,2024-03-01T08:00:00Z,start
t-1,Repair,Ana,2024-03-01T08:10:00Z,suspend
t-1,Repair,Ana,2024-03-01T09:00:00Z,resume
t-1,Repair,Ana,2024-03-01T10:00:00Z,complete
t-2,Inspect,,2024-03-01T08:00:00Z,autoskip
t-3,Ticket,Ben,2024-03-01T08:00:00Z,In Progress
t-3,Ticket,Ben,2024-03-01T11:00:00Z,Closed
"""

DAY_1 = """\
case:concept:name,concept:name,org:resource,time:timestamp
e1,Open,Ana,2024-03-01T08:00:00Z
e1,Close,Ana,2024-03-01T10:00:00Z
"""

DAY_2 = """\
case:concept:name,concept:name,org:resource,time:timestamp
e1,Open,Ana,2024-03-01T08:00:00Z
e1,Check,Ben,2024-03-01T09:00:00Z
e1,Close,Ana,2024-03-01T10:00:00Z
"""

OPEN_QUOTE = """\
case:concept:name,concept:name,org:resource,time:timestamp,note
u1,Open,Ana,2024-03-01T08:00:00Z,fine
u2,Open,Ana,2024-03-01T08:00:00Z,"open quote
u3,Open,Ana,2024-03-01T08:00:00Z,fine
u4,Open,Ana,2024-03-01T08:00:00Z,fine
u5,Open,Ana,2024-03-01T08:00:00Z,fine
u6,Open,Ana,2024-03-01T08:00:00Z,fine
"""

STRING_TIMES = """\
<?xml version="1.0" encoding="UTF-8"?>
<x:log xmlns:x="http://www.xes-standard.org/">
  <x:trace><x:string key="concept:name" value="s-1"/>
    <x:event><x:string key="concept:name" value="Ask"/>\
<x:string key="time:timestamp" value="2024/03/01 08:00:00.000"/></x:event>
    <x:event><x:string key="concept:name" value="Answer"/>\
<x:string key="time:timestamp" value="2024-03-01 09:00:00"/></x:event>
  </x:trace>
</x:log>
"""

SIGN_IN_PAGE = "<!doctype html><html><body>Sign in to download</body></html>\n"

CHINESE = (
    '<?xml version="1.0" encoding="GBK"?><log><trace><string key="concept:name" value="案件-1"/>'
    '<event><string key="concept:name" value="登记"/>'
    '<date key="time:timestamp" value="2024-03-01T08:00:00+08:00"/></event></trace></log>'
)

COMMANDS = """\
{"specversion": "1.0", "id": "1", "source": "/shop", "type": "nerve.command.CreateTask", \
"datacontenttype": "application/json", "data_base64": "eyJpZCI6ICJ0YXNrLXgxIiwgInRpdGxlIjogIlBhY2sifQ=="}
{"specversion": "1.0", "id": "2", "source": "/shop", "type": "nerve.command.CompleteTask", \
"time": "9999-12-31T23:59:59-05:00", "data": {"id": "task-x1"}}
{"specversion": "1.0", "id": "3", "source": "/shop", "type": "nerve.command.CreateTask", \
"data": {"id": "task-x2", "title": "Ship"}}
"""

BATCH = (
    '[{"specversion": "1.0", "id": "4", "source": "/shop", "type": "nerve.command.CreateTask",'
    ' "data": {"id": "task-x3", "title": "Bill"}}]'
)

FILES: Mapping[str, bytes] = {
    "no-resource.csv": NO_RESOURCE.encode(),
    "foreign-columns.csv": FOREIGN_COLUMNS.encode(),
    "interval.csv": INTERVAL.encode(),
    "lifecycle.csv": LIFECYCLE.encode(),
    "day1.csv": DAY_1.encode(),
    "day2.csv": DAY_2.encode(),
    "open-quote.csv": OPEN_QUOTE.encode(),
    "string-times.xes": STRING_TIMES.encode(),
    "sign-in-page.xes": SIGN_IN_PAGE.encode(),
    "chinese.xes": CHINESE.encode("gbk"),
    "events.jsonl": COMMANDS.encode(),
    "batch.json": BATCH.encode(),
}
"""All of them by the name of a file."""
