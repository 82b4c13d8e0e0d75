"""Words by which the labeller knows findings, normal statements, diagnoses and advice."""

import re

SIDE = r"(?: right| left| bilateral)?"

#: a mention of each kind
MENTIONS: dict[str, str] = {
    "consolidation": r"consolidat\w+|air ?space (?:opacit\w+|disease)|infiltrat\w+"
    r"|opacificat\w+|opacit(?:y|ies)",
    "atelectasis": r"atelecta\w+|(?:linear|streaky|plate-?like)(?: \w+){0,4} opacit\w+"
    r"(?:[^.]{0,60}atelecta\w+)?",
    "edema": r"edema|vascular congestion(?: with edema)?",
    "nodule": r"nodul\w+(?: (?:opacit|densit)\w+)?|\bmass(?:es)?\b",
    "granuloma": r"(?:calcified )?granuloma\w*|calcified nodul\w+",
    "hyperinflation": r"hyper-?(?:inflat|expan|disten|lucen)\w+|flatten\w+ (?:of the )?(?:hemi)?diaphragms?",
    "effusion": r"(?<!pericardial )effusions?|pleural fluid",
    "pneumothorax": r"pneumothora\w+",
    "elevated hemidiaphragm": rf"elevat\w+(?: of)?(?: the)?{SIDE} (?:hemi)?diaphragm"
    r"|(?:hemi)?diaphragm(?: is)? elevat\w+",
    "cardiomegaly": r"cardiomegaly|(?:heart|cardiac silhouette|cardiomediastinal silhouette)(?: size)?"
    r"(?: is| appears| remains)?(?: not)?(?: \w+ly)? (?:enlarged|large)\b"
    r"|(?:enlarged|enlargement of the) (?:heart|cardiac silhouette)|cardiac enlargement",
    "wide mediastinum": r"mediastin\w+(?: is| appears)?(?: not)? widen\w*"
    r"|wide(?:n\w+)? (?:of the )?(?:superior )?mediastin\w+",
    "hilar enlargement": rf"hil(?:um|a|ar)(?: is| are)?(?: \w+ly)? (?:enlarge|promin|full|adenopathy)\w*"
    rf"|(?:fullness|enlarge\w+|prominen\w+)(?: of)?(?: the)?{SIDE} hil(?:um|a|ar)",
    "aortic calcification": r"aort\w+(?: knob| arch)?(?: is)? calcifi\w+|calcifi\w+(?: of| in)?(?: the)?"
    r"(?: thoracic)? aort\w+",
    "clavicle fracture": rf"fractur\w+(?: of)?(?: the)?{SIDE} clavic\w+|clavic\w+ fractur\w+",
    "endotracheal tube": r"endotracheal tube|\bett?\b(?: tube)?",
    "central line": r"central (?:venous )?(?:line|catheter)|\bpicc\b|port(?:-a)?[- ]?(?:cath\w*| catheter)",
    "pacemaker": r"pacemaker|\bpacer\b|pacing",
    "sternotomy wires": r"sternotomy",
}

#: statements that are normal, and the kinds that they deny
NORMAL: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        r"lungs?(?: fields?)?(?: are| is| appear| remain)?(?: (?:well[- ]expanded and|grossly|otherwise))*"
        r" clear\b(?! of)|\bclear lungs",
        ("consolidation", "atelectasis", "edema", "nodule"),
    ),
    (
        r"(?:\bheart|\bcardiac)\b[^.]{0,50}?\b(?:normal|unremarkable)|normal (?:heart|cardiac) size",
        ("cardiomegaly",),
    ),
    (r"(?<!cardio)mediastin\w+[^.]{0,40}?\b(?:normal|unremarkable)", ("wide mediastinum",)),
    (
        r"cardiomediastinal[^.]{0,40}?\b(?:normal|unremarkable)",
        ("cardiomegaly", "wide mediastinum"),
    ),
    (r"\bhil(?:a|ar|um)\b[^.]{0,40}?\b(?:normal|unremarkable)|normal hila", ("hilar enlargement",)),
    (r"vascula(?:ture|rity)[^.]{0,30}?\b(?:normal|unremarkable)", ("edema",)),
    (
        r"(?:osseous|bony|bones)[^.]{0,30}?\b(?:intact|unremarkable|normal)|no acute (?:osseous|bony)",
        ("clavicle fracture",),
    ),
)

SIDED = re.compile(
    r"\b(?:(?P<right>right)|(?P<left>left)|(?P<both>bilateral(?:ly)?|both|bibasilar|biapical))\b"
)
ZONED = re.compile(
    r"(?P<upper>\bupper\b|\bapex\b|\bapical\b)|(?P<mid>\bmid(?:dle|lung)?\b)"
    r"|(?P<lower>\blower\b|\bbas(?:e|es|al|ilar)\b|\bbibasilar\b)"
)
GRADED: dict[str, re.Pattern[str]] = {
    kind: re.compile(f"(?P<mild>{mild})|(?P<moderate>{moderate})|(?P<severe>{severe})")
    for kind, (mild, moderate, severe) in {
        "consolidation": (
            r"\b(?:faint|mild|subtle|minimal)",
            r"\b(?:patchy|moderate)",
            r"\b(?:dense|severe)",
        ),
        "edema": (r"\b(?:mild|minimal)", r"\bmoderate", r"\b(?:severe|marked)"),
        "effusion": (r"\b(?:small|trace|tiny|minimal)", r"\bmoderate", r"\b(?:large|massive)"),
        "pneumothorax": (r"\b(?:small|tiny|trace|minimal)", r"\bmoderate", r"\b(?:large|tension)"),
        "cardiomegaly": (r"\b(?:mild|borderline|slight)", r"\bmoderate", r"\b(?:severe|marked|massive)"),
    }.items()
}
LYING = re.compile(
    r"(?P<misplaced>\blow\b|mainstem|malposition|\bcoiled\b|\bneck\b)"
    r"|(?P<placed>standard|appropriate|satisfactory|good position|vena cava|\bsvc\b|above the carina)"
)
CHANGED = re.compile(
    r"(?P<new>\bnew\b|newly)|(?P<unchanged>unchanged|\bstable\b|no (?:\w+ )?change)"
    r"|(?P<increased>\bincreas|worsen|larger|progress)|(?P<decreased>\bdecreas|improv|smaller|resolving)"
)

#: what denies a mention that comes after it; "no change" denies none
DENIES = re.compile(
    r"\b(?:no(?! (?:\w+ )?change)(?! longer)|without|not|negative for|free of|clear of|absence of"
    r"|resolved|resolution of|nor)\b"
)
#: between a denial and a mention, what ends its reach
ENDS = re.compile(
    r"\b(?:but|however|although|with|which|there (?:is|are))\b|:"
    r"|,\s*(?:a|an|the|there|small|tiny|moderate|mild)\b"
)
DENIED_AFTER = re.compile(
    r"^(?:[^,;]*?)\b(?:(?:is|are|was|were) (?:not|no longer) (?:seen|present|identified|visualized)"
    r"|(?:has|have|is|are) (?:now )?resolved|(?:is|are) absent)"
)
DOUBTS = re.compile(r"\b(?:possibl[ey]|may|might|could|questionabl[ey]|suspect\w*|probabl[ey]|equivocal)\b")
DOUBTED_AFTER = re.compile(r"^[^,;]*?\b(?:cannot|can not|not) be (?:entirely )?excluded")

DIAGNOSES: dict[str, str] = {
    "pneumonia": r"pneumonia",
    "heart failure": r"heart failure|\bchf\b",
    "fluid overload": r"(?:fluid|volume) overload",
    "emphysema": r"emphysema|\bcopd\b|obstructive pulmonary",
    "adenopathy": r"adenopathy",
}
FOLLOW_UPS: dict[str, str] = {
    "chest CT": r"\bct\b|computed tomograph\w+",
    "repeat radiograph": r"(?:repeat|follow[- ]?up)(?: chest)? (?:radiograph|film|x-?ray)\w*",
    "urgent attention": r"urgent\w*",
    "repositioning": r"reposition\w*|retract\w*|withdraw\w*",
}
#: an impression without anything acute
NOTHING_ACUTE = re.compile(
    r"\b(?:no|without|negative)(?: for| evidence of| radiographic evidence of| visible)* (?:acute|active)"
    r"(?: (?:or|and) (?:acute|active))?[^.]{0,50}?(?:process|disease|abnormalit|finding)"
    r"|\bnormal (?:chest|examination|exam)\b"
)
