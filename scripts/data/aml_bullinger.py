"""The cohort aml-bullinger: acute myeloid leukaemia of adults, clinical table and gene expression, time to death.

116 patients, cDNA arrays of 6,283 genes with missing cells as measured, and the split into a training and a test set
that the study published.
"""

import r_data
from cohort import Cohort, CohortError, Table, number
from r_values import matrix_of, strings_of
from sources import DataFile, DebianPackage

SOURCE = DebianPackage("r-cran-th.data", (
    DataFile("rda/AML_Bullinger.rda", "f78cc809814604170bfdd2a1c1f1f57790078a65ef4429afc1cb78c1402ca49c"),
))

SPLIT_FILE = "published_split.json"

# Every clinical column of the source, and why it is kept or not. Kept: of the study's 14 clinical predictors, what is
# no free text and was known when the blood was taken.
KEPT = {
    "Cytogenetic.group": "", "FLT3.aberration.": "", "MLL.PTD": "", "Sex": "", "Age": "years",
    "Preceding.Malignancy.": "", "WBC": "white blood cells", "PB.Blasts": "% of the peripheral blood",
    "BM.Blasts": "% of the bone marrow", "LDH": "lactate dehydrogenase", "FAB.subtype.": "morphology",
}
DROPPED = {
    "Karyotype": "free text, nearly a value a patient; Cytogenetic.group is its summary",
    "FISH.": "free text; Cytogenetic.group is its summary",
    "Tx.Group.": "treatment after induction, in the time that is predicted: who dies early gets none",
    "Study": "which of two trials", "Sample.source.": "blood or marrow",
    "Remission.status.": "outcome", "event": "the outcome", "time": "the outcome",
    "Training.Test.Set.": f"the published split, in {SPLIT_FILE}",
}


def survival(source, files):
    """aml-bullinger."""
    data = r_data.load(files["AML_Bullinger.rda"])
    if not {"clinical", "expressions"} <= set(data):
        raise CohortError("AML_Bullinger.rda holds no clinical, or no expressions")
    patients = strings_of(data["clinical"].attribute("row.names"))
    clinical = {name: _cells(column) for name, column in zip(data["clinical"].names(), data["clinical"].values)}
    unknown = set(clinical) ^ (set(KEPT) | set(DROPPED))
    if unknown:
        raise CohortError(f"AML_Bullinger.rda: no decision on the clinical columns {sorted(unknown)}")
    labels = {p: (clinical["time"][i], clinical["event"][i]) for i, p in enumerate(patients)}
    if any(event not in ("0", "1") or not time or float(time) <= 0 for time, event in labels.values()):
        raise CohortError("AML_Bullinger.rda: a patient without a time above 0 or without an event of 0 or 1")
    ehr = Table("ehr", "table", list(KEPT), {p: [clinical[c][i] for c in KEPT] for i, p in enumerate(patients)})
    split = published_split(patients, clinical["Training.Test.Set."])
    genes, rows = _expression(data["expressions"], patients)
    missing = sum(cell == "" for cells in rows.values() for cell in cells) / (len(genes) * len(rows))
    notes = [f"{sum(event == '1' for _, event in labels.values())} of {len(patients)} patients died",
             f"{100 * missing:.1f} % of the expression cells are missing",
             f"the published split, {len(split['train'])} for training and {len(split['test'])} for the test: "
             f"{SPLIT_FILE}"]
    return Cohort(name="aml-bullinger", task="survival", source=str(source), notes=notes, labels=labels,
                  modalities=[ehr, Table("genomics", "expression", genes, rows)], splits={SPLIT_FILE: split},
                  readme=_readme(source, len(patients), notes))


def published_split(patients, parts):
    """The form of `plait train --ids`."""
    names = {"training set": "train", "test set": "test"}
    if not set(parts) <= set(names):
        raise CohortError("AML_Bullinger.rda: a patient of neither the training nor the test set")
    return {name: [p for p, part in zip(patients, parts) if names[part] == name] for name in names.values()}


def _cells(column):
    """The cells of a data frame's column as text, "" = missing."""
    if column.kind == "character" or "levels" in column.attributes:
        return [value or "" for value in strings_of(column)]
    if column.kind == "double":
        return [number(value) for value in column.values]
    return ["" if value is None else str(int(value)) for value in column.values]


def _expression(matrix, patients):
    """(clones, {patient: cells}); the matrix has a row a patient and lies column by column."""
    rows, columns, values = matrix_of(matrix)
    samples, clones = (strings_of(names) for names in matrix.attribute("dimnames").values)
    if samples != patients or (len(samples), len(clones)) != (rows, columns):
        raise CohortError("AML_Bullinger.rda: expression matrix and clinical table speak of different patients")
    return clones, {p: [number(values[g * rows + i]) for g in range(columns)] for i, p in enumerate(patients)}


def _readme(source, count, notes):
    kept = "\n".join(f"- kept `{column}`" + (f": {what}" if what else "") for column, what in KEPT.items())
    dropped = "\n".join(f"- left out `{column}`: {reason}" for column, reason in DROPPED.items())
    counted = "\n".join(f"- {note}" for note in notes)
    return f"""# aml-bullinger

{count} adults with acute myeloid leukaemia. The task: overall survival, the time to death (event 1) or to the last
follow-up (event 0), in days.

| modality | what it is |
|---|---|
| `ehr` | clinical table, see below |
| `genomics` | 6,283 clones of a cDNA array, log2 ratios, six significant digits; missing cells as measured |

`{SPLIT_FILE}` is the study's own split, for `plait train --ids`.

Counted:

{counted}

The clinical columns of the source:

{kept}
{dropped}

- Source: AML_Bullinger of the R package TH.data, as carried by the {source}.
- Licence: GPL-3 (the package).
- Citation: L. Bullinger et al., Use of gene-expression profiling to identify prognostic subclasses in adult acute
  myeloid leukemia, New England Journal of Medicine 350(16):1605-1616, 2004 (PubMed 15084693).
"""
