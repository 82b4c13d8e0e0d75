"""Wordings of either institution.

``{g}`` is a grade's word, ``{ly}`` its adverb, ``{side}`` and ``{place}`` where, ``{placed}`` how a tube
lies. What compares, doubts or ends a sentence is added by :mod:`.sections`.
"""

from typing import NamedTuple

#: words of mild, moderate and severe
GRADED: dict[str, tuple[str, str, str]] = {
    "consolidation": ("faint", "patchy", "dense"),
    "edema": ("mild", "moderate", "severe"),
    "effusion": ("small", "moderate", "large"),
    "pneumothorax": ("small", "moderate", "large"),
    "cardiomegaly": ("mild", "moderate", "severe"),
}

#: names of places in a lung
PLACES: dict[str, dict[str, tuple[str, ...]]] = {
    "ward": {
        "upper": ("{side} upper lung", "{side} upper lobe"),
        "mid": ("{side} mid lung", "{side} midlung"),
        "lower": ("{side} lower lobe", "{side} lung base", "{side} lower lung"),
    },
    "clinic": {
        "upper": ("{side} upper lobe", "{side} upper zone"),
        "mid": ("{side} midlung zone", "{side} mid zone"),
        "lower": ("{side} lower lobe", "{side} base"),
    },
}

#: how a tube lies, by whether it is placed well
LYING: dict[str, dict[str, tuple[str, ...]]] = {
    "endotracheal tube": {
        "placed": ("ends in standard position above the carina", "is in appropriate position"),
        "misplaced": ("is low, with the tip at the carina", "ends in the right mainstem bronchus"),
    },
    "central line": {
        "placed": ("ends in the lower superior vena cava", "terminates in the mid SVC"),
        "misplaced": ("is malpositioned, coursing upward into the neck", "is coiled and malpositioned"),
    },
}


class Wording(NamedTuple):
    """Ways to state a finding: on one side, and, where it may be on both, on both sides."""

    one: tuple[str, ...]
    both: tuple[str, ...] = ()


PRESENT: dict[str, dict[str, Wording]] = {
    "ward": {
        "consolidation": Wording(
            (
                "there is {g} consolidation in the {place}",
                "{g} airspace opacity is seen in the {place}",
                "{g} opacification of the {place} is present",
            )
        ),
        "atelectasis": Wording(
            (
                "there is atelectasis at the {place}",
                "linear opacity in the {place} is consistent with atelectasis",
            ),
            ("bibasilar atelectasis is present", "there is atelectasis at both lung bases"),
        ),
        "edema": Wording(
            (),
            (
                "there is {g} pulmonary edema",
                "{g} interstitial edema is present",
                "{g} pulmonary vascular congestion with edema is seen",
            ),
        ),
        "nodule": Wording(
            ("a nodule is seen in the {place}", "there is a nodular opacity projecting over the {place}")
        ),
        "granuloma": Wording(
            ("a calcified granuloma is noted in the {place}", "there is a calcified nodule in the {place}")
        ),
        "hyperinflation": Wording(
            (),
            ("the lungs are hyperinflated", "hyperinflation of the lungs with flattened diaphragms is noted"),
        ),
        "effusion": Wording(
            (
                "there is a {g} {side} pleural effusion",
                "a {g} pleural effusion is present on the {side}",
                "{g} {side} effusion is seen",
            ),
            ("there are {g} bilateral pleural effusions", "{g} effusions are seen on both sides"),
        ),
        "pneumothorax": Wording(
            ("there is a {g} {side} apical pneumothorax", "a {g} pneumothorax is seen on the {side}")
        ),
        "elevated hemidiaphragm": Wording(
            ("the {side} hemidiaphragm is elevated", "there is elevation of the {side} hemidiaphragm")
        ),
        "cardiomegaly": Wording(
            (
                "there is {g} cardiomegaly",
                "the heart is {ly} enlarged",
                "the cardiac silhouette is {ly} enlarged",
            )
        ),
        "wide mediastinum": Wording(
            ("the mediastinum is widened", "there is widening of the superior mediastinum")
        ),
        "hilar enlargement": Wording(
            ("the {side} hilum is enlarged", "there is fullness of the {side} hilum")
        ),
        "aortic calcification": Wording(
            ("the aortic knob is calcified", "atherosclerotic calcification of the aorta is noted")
        ),
        "clavicle fracture": Wording(
            ("there is a fracture of the {side} clavicle", "a {side} clavicular fracture is seen")
        ),
        "endotracheal tube": Wording(
            ("the endotracheal tube {placed}", "an ET tube {placed}", "ETT {placed}")
        ),
        "central line": Wording(
            (
                "a {side} subclavian central line {placed}",
                "the {side} central venous catheter {placed}",
                "a {side} PICC {placed}",
            )
        ),
        "pacemaker": Wording(
            ("a {side} chest wall pacemaker is in place", "{side} sided pacer device is present")
        ),
        "sternotomy wires": Wording(
            ("median sternotomy wires are intact", "the patient is status post median sternotomy")
        ),
    },
    "clinic": {
        "consolidation": Wording(
            ("{g} {place} airspace disease", "there is a {g} infiltrate within the {place}")
        ),
        "atelectasis": Wording(
            ("streaky {place} opacity, compatible with subsegmental atelectasis", "{place} atelectasis"),
            ("bibasilar subsegmental atelectasis", "there is bilateral basilar atelectasis"),
        ),
        "edema": Wording((), ("{g} edema is demonstrated", "findings of {g} pulmonary edema")),
        "nodule": Wording(
            ("there is a {place} pulmonary nodule", "nodular density identified in the {place}")
        ),
        "granuloma": Wording(
            ("calcified granuloma in the {place}", "there is evidence of a {place} calcified granuloma")
        ),
        "hyperinflation": Wording((), ("lungs are hyperexpanded", "the lungs show hyperexpansion")),
        "effusion": Wording(
            ("{g} {side} pleural effusion", "{g} {side} sided pleural fluid is demonstrated"),
            ("{g} bilateral effusions", "bilateral {g} pleural effusions are demonstrated"),
        ),
        "pneumothorax": Wording(
            ("{g} {side} pneumothorax", "there is a {g} pneumothorax at the {side} apex")
        ),
        "elevated hemidiaphragm": Wording(
            ("{side} hemidiaphragm elevation", "elevated {side} hemidiaphragm is demonstrated")
        ),
        "cardiomegaly": Wording(("{g} cardiomegaly", "heart size is {ly} enlarged")),
        "wide mediastinum": Wording(("widened mediastinum", "mediastinal widening is demonstrated")),
        "hilar enlargement": Wording(("{side} hilar enlargement", "prominent {side} hilum")),
        "aortic calcification": Wording(("calcified aorta", "aortic calcifications are demonstrated")),
        "clavicle fracture": Wording(("{side} clavicle fracture", "fractured {side} clavicle")),
        "endotracheal tube": Wording(("endotracheal tube {placed}",)),
        "central line": Wording(("{side} port catheter {placed}", "{side} central venous catheter {placed}")),
        "pacemaker": Wording(("{side} pacemaker is demonstrated", "{side} chest pacemaker generator")),
        "sternotomy wires": Wording(("sternotomy wires are demonstrated", "prior median sternotomy")),
    },
}

#: what is put behind a finding that is compared
COMPARED: dict[str, dict[str, tuple[str, ...]]] = {
    "ward": {
        "new": (", new from the prior study", ", which is new"),
        "unchanged": (", unchanged from the prior study", ", stable"),
        "increased": (", increased since the prior study", ", which has worsened"),
        "decreased": (", decreased since the prior study", ", which has improved"),
    },
    "clinic": {
        "new": (", new since previous exam",),
        "unchanged": (", stable since previous exam",),
        "increased": (", increased since previous exam",),
        "decreased": (", decreased since previous exam",),
    },
}

#: what is put before a noun that is only possible
DOUBTED: dict[str, tuple[str, ...]] = {
    "ward": (
        "possible {g} {name} {where}",
        "{g} {name} {where} cannot be excluded",
        "there may be {g} {name} {where}",
    ),
    "clinic": ("questionable {g} {name} {where}", "possible {g} {name} {where}"),
}

#: of kinds that are said to be absent: the noun in a list after "no", and whole sentences
ABSENT_NOUNS: dict[str, dict[str, tuple[str, ...]]] = {
    "ward": {
        "consolidation": ("focal consolidation", "consolidation"),
        "edema": ("pulmonary edema", "overt edema"),
        "effusion": ("pleural effusion", "effusion"),
        "pneumothorax": ("pneumothorax",),
    },
    "clinic": {
        "consolidation": ("focal airspace disease", "focal infiltrate"),
        "edema": ("pulmonary edema",),
        "effusion": ("pleural effusion", "large effusion"),
        "pneumothorax": ("pneumothorax",),
    },
}
ABSENT: dict[str, dict[str, tuple[str, ...]]] = {
    "ward": {
        "edema": ("the pulmonary vasculature is normal",),
        "cardiomegaly": ("the heart size is normal", "the cardiac silhouette is not enlarged"),
        "wide mediastinum": ("the mediastinal contours are unremarkable", "the mediastinum is not widened"),
        "silhouette": ("the cardiomediastinal silhouette is within normal limits",),
        "hilar enlargement": ("the hila are normal", "hilar contours are unremarkable"),
        "clavicle fracture": ("no acute osseous abnormality is seen", "the osseous structures are intact"),
        "clear": ("the lungs are clear", "the lungs are well expanded and clear"),
    },
    "clinic": {
        "edema": ("pulmonary vascularity is within normal limits",),
        "cardiomegaly": ("normal heart size", "heart size within normal limits"),
        "wide mediastinum": ("mediastinal contour normal",),
        "silhouette": ("cardiomediastinal silhouette normal", "heart and mediastinum within normal limits"),
        "hilar enlargement": ("normal hila", "hilar structures within normal limits"),
        "clavicle fracture": ("bony structures intact", "no acute bony abnormality"),
        "clear": ("lungs are clear", "clear lungs"),
    },
}
NONE_OF: dict[str, tuple[str, ...]] = {
    "ward": ("there is no {list}", "no {list} is seen", "no evidence of {list}", "no {list}"),
    "clinic": ("no {list}", "negative for {list}", "no {list} identified"),
}

#: an impression without core findings
NORMAL: dict[str, tuple[str, ...]] = {
    "ward": (
        "no acute cardiopulmonary process",
        "no acute intrathoracic process",
        "no evidence of acute cardiopulmonary disease",
    ),
    "clinic": ("no acute cardiopulmonary abnormality", "no acute disease", "no acute pulmonary findings"),
}
#: nouns in an impression; what has a place says so after the noun
NOUNS: dict[str, str] = {
    "consolidation": "{g} {place} consolidation",
    "edema": "{g} pulmonary edema",
    "atelectasis": "{place} atelectasis",
    "nodule": "{place} nodule",
    "effusion": "{g} {side} pleural effusion",
    "pneumothorax": "{g} {side} pneumothorax",
    "cardiomegaly": "{g} cardiomegaly",
    "wide mediastinum": "widened mediastinum",
    "hilar enlargement": "{side} hilar enlargement",
    "hyperinflation": "hyperinflation",
    "clavicle fracture": "{side} clavicle fracture",
    "endotracheal tube": "low endotracheal tube",
    "central line": "malpositioned {side} central line",
}
MEANING: dict[str, dict[str, tuple[str, ...]]] = {
    "ward": {
        "pneumonia": (", concerning for pneumonia", ", likely pneumonia"),
        "heart failure": (", consistent with congestive heart failure", ", in keeping with heart failure"),
        "fluid overload": (", suggesting fluid overload", ", likely volume overload"),
        "emphysema": (", consistent with emphysema", ", compatible with COPD"),
        "adenopathy": (", concerning for adenopathy", ", which may be lymphadenopathy"),
    },
    "clinic": {
        "pneumonia": (" compatible with pneumonia", " suspicious for pneumonia"),
        "heart failure": (" compatible with heart failure", " suggesting CHF"),
        "fluid overload": (" suggesting volume overload",),
        "emphysema": (" compatible with emphysema", " suggesting COPD"),
        "adenopathy": (" suspicious for adenopathy",),
    },
}
ADVISED: dict[str, dict[str, tuple[str, ...]]] = {
    "ward": {
        "chest CT": ("chest CT is recommended", "recommend CT of the chest for further evaluation"),
        "repeat radiograph": (
            "repeat radiograph after treatment is recommended",
            "recommend follow-up chest radiographs to resolution",
        ),
        "urgent attention": (
            "urgent clinical attention is needed",
            "findings were communicated urgently to the team",
        ),
        "repositioning": ("repositioning is recommended", "recommend repositioning"),
    },
    "clinic": {
        "chest CT": ("recommend chest CT", "CT chest suggested for follow-up"),
        "repeat radiograph": ("follow-up radiograph recommended", "recommend repeat radiograph"),
        "urgent attention": ("needs urgent attention",),
        "repositioning": ("recommend repositioning",),
    },
}

#: what a request may say when it hints at a finding, and when it does not
HINTS: dict[str, tuple[str, ...]] = {
    "consolidation": (
        "fever and cough",
        "productive cough, evaluate for pneumonia",
        "leukocytosis and fever",
    ),
    "atelectasis": ("low oxygen saturation after surgery",),
    "edema": ("shortness of breath and leg swelling", "history of heart failure, worsening dyspnea"),
    "nodule": ("smoker with weight loss", "history of malignancy, evaluate for metastasis"),
    "hyperinflation": ("COPD with wheezing", "long history of smoking"),
    "effusion": ("dyspnea and decreased breath sounds", "evaluate effusion"),
    "pneumothorax": ("sudden chest pain and dyspnea", "status post procedure, rule out pneumothorax"),
    "cardiomegaly": ("hypertension and dyspnea on exertion", "history of cardiomyopathy"),
    "wide mediastinum": ("severe tearing chest pain", "trauma"),
    "hilar enlargement": ("night sweats and cough", "evaluate for sarcoidosis"),
    "clavicle fracture": ("fall on the shoulder", "trauma"),
    "endotracheal tube": ("intubated, assess tube placement",),
    "central line": ("status post line placement",),
    "pacemaker": ("history of arrhythmia",),
    "sternotomy wires": ("status post coronary bypass",),
}
GENERAL: dict[str, tuple[str, ...]] = {
    "ward": ("chest pain", "altered mental status", "preoperative evaluation", "weakness", "abdominal pain"),
    "clinic": ("chest pain", "cough", "preop evaluation", "positive TB test", "annual examination"),
}
