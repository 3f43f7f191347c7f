"""What a person looks at after a sweep: a page of HTML, one of Markdown, contact sheets, and trials side by side.

Everything is drawn from the ledger's rows and the files of the sweep's folder; nothing here knows MLflow or Ray.
"""

from search.report.contact import contact_sheet
from search.report.description import NOTE, description
from search.report.page import html

__all__ = ["NOTE", "contact_sheet", "description", "html"]
