"""x"""


class MeasurePanel: ...
