"""Where reports lie in the object store: beside the revisions that edges may read, not among them."""

import obstore
from obstore.store import ObjectStore

from matinee.encoding.orders import Produced
from matinee.reports.making import report_json
from matinee.reports.report import report_key


def keep_report(objects: ObjectStore, title_id: str, revision: str, produced: Produced) -> None:
    """Write the report of a revision; again writes the same place. The store's own errors come through."""
    obstore.put(objects, report_key(title_id, revision), report_json(produced))
