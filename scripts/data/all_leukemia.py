"""The cohorts all-leukemia and all-leukemia-bt: gene expression of acute lymphoblastic leukaemia.

128 adults with newly diagnosed ALL, 12,625 probes of an Affymetrix HG-U95Av2 array (RMA-normalised, log2).
"""

import r_data
from cohort import Cohort, CohortError, Table, number
from r_values import matrix_of, strings_of
from sources import DataFile, DebianPackage

SOURCE = DebianPackage("r-bioc-all", (
    DataFile("ALL/data/ALL.rda", "ed394602065429adb06d2701924c91ee565921bfb4b0e85f80192767fcad51ae"),
))

# Every clinical column of the source, and why it is kept or not.
KEPT = {"age": "years, at entry", "sex": "M or F"}
SUBTYPE = ("BT", "lineage and stage of differentiation (B, B1..B4, T, T1..T4); kept only where it is not the label")
DROPPED = {
    "cod": "patient number",
    "diagnosis": "calendar date",
    "remission": "outcome", "CR": "outcome", "date.cr": "outcome", "ccr": "outcome", "relapse": "outcome",
    "transplant": "treatment after the outcome began", "f.u": "outcome", "date last seen": "outcome",
    "t(4;11)": "cytogenetics: the molecular diagnosis itself", "t(9;22)": "is BCR/ABL",
    "cyto.normal": "derived from the cytogenetics", "citog": "cytogenetics", "mol.biol": "the label",
    "fusion protein": "known for BCR/ABL patients only",
    "mdr": "laboratory finding on the tumour cells (multi-drug resistance)", "kinet": "laboratory finding on the tumour cells (ploidy)",
}


def bcr_abl(source, files):
    """all-leukemia: BCR/ABL (1) against no known rearrangement, NEG (0)."""
    return _cohort(source, files, "all-leukemia", with_subtype=True,
                   label_of=lambda patient: {"BCR/ABL": "1", "NEG": "0"}.get(patient["mol.biol"]),
                   question="BCR/ABL (label 1) against NEG, no known rearrangement (label 0)",
                   excluded="another molecular diagnosis than BCR/ABL or NEG")


def b_against_t(source, files):
    """all-leukemia-bt: T-cell (1) against B-cell (0)."""
    return _cohort(source, files, "all-leukemia-bt", with_subtype=False,
                   label_of=lambda patient: {"T": "1", "B": "0"}.get((patient["BT"] or "")[:1]),
                   question="T-cell (label 1) against B-cell leukaemia (label 0)",
                   excluded="lineage unknown")


def read(data):
    """(patient ids, {column: cells as str or None}, probe names, {patient: expression values})."""
    study = r_data.load(data).get("ALL")
    if study is None:
        raise CohortError("ALL.rda holds no variable ALL")
    frame = study.attribute("phenoData").attribute("data")
    patients = strings_of(frame.attribute("row.names"))
    clinical = {}
    for name, column in zip(frame.names(), frame.values):
        if column.kind == "character" or "levels" in column.attributes:
            clinical[name] = strings_of(column)
        else:
            clinical[name] = [None if value is None else str(value) for value in column.values]
    expression = study.attribute("assayData").frame["exprs"]
    rows, columns, values = matrix_of(expression)
    probes, samples = (strings_of(names) for names in expression.attribute("dimnames").values)
    if len(probes) != rows or len(samples) != columns or sorted(samples) != sorted(patients):
        raise CohortError("ALL.rda: expression matrix and clinical table speak of different patients")
    return patients, clinical, probes, {s: values[i * rows:(i + 1) * rows] for i, s in enumerate(samples)}


def _cohort(source, files, name, with_subtype, label_of, question, excluded):
    patients, clinical, probes, expression = read(files["ALL.rda"])
    unknown = set(clinical) ^ (set(KEPT) | {SUBTYPE[0]} | set(DROPPED))
    if unknown:
        raise CohortError(f"ALL.rda: no decision on the clinical columns {sorted(unknown)}")
    columns = list(KEPT) + ([SUBTYPE[0]] if with_subtype else [])
    labels, table = {}, {}
    for i, patient in enumerate(patients):
        label = label_of({column: cells[i] for column, cells in clinical.items()})
        if label is not None:
            labels[patient] = label
            table[patient] = [clinical[column][i] or "" for column in columns]
    notes = [f"{len(patients) - len(labels)} of {len(patients)} patients left out"
             + (f": {excluded}" if len(labels) < len(patients) else "")]
    ehr = Table("ehr", "table", columns, table)
    without = len(labels) - len(ehr.patients())
    if without:
        notes.append(f"{without} patients have no clinical value at all: the modality is missing for them")
    genomics = Table("genomics", "expression", probes, {p: [number(v) for v in expression[p]] for p in labels})
    return Cohort(name=name, task="binary", source=str(source), notes=notes, labels=labels,
                  modalities=[ehr, genomics], readme=_readme(name, source, question, columns, len(labels), notes))


def _readme(name, source, question, columns, count, notes):
    kept = [f"- kept `{column}`: {KEPT.get(column, SUBTYPE[1])}" for column in columns]
    dropped = dict(DROPPED) if SUBTYPE[0] in columns else {**DROPPED, SUBTYPE[0]: "holds the label"}
    left_out = [f"- left out `{column}`: {reason}" for column, reason in dropped.items()]
    if SUBTYPE[0] not in columns:
        left_out = [line.replace("`mol.biol`: the label", "`mol.biol`: a molecular diagnosis") for line in left_out]
    counted = "\n".join(f"- {note}" for note in notes)
    return f"""# {name}

{count} adults with newly diagnosed acute lymphoblastic leukaemia. The task:
{question}.

| modality | what it is |
|---|---|
| `ehr` | {", ".join(columns)} |
| `genomics` | 12,625 probes of an Affymetrix HG-U95Av2 array, normalised, log2 scale, six significant digits |

Counted:

{counted}

The clinical columns of the source:

{chr(10).join(kept + left_out)}

- Source: the Bioconductor data package ALL, as carried by the {source}.
- Licence: Artistic License 2.0 (the package).
- Citation: S. Chiaretti et al., Gene expression profile of adult T-cell acute lymphocytic leukemia identifies distinct
  subsets of patients with different response to therapy and survival, Blood 103(7):2771-2778, 2004 (PubMed 14684422);
  the second study of the same patients is PubMed 16243790.
"""
