"""The cohort tcga-acc: adrenocortical carcinoma, clinical table and four molecular layers, with real holes.

The Cancer Genome Atlas (TCGA), 92 patients, in the reduced form of the R data set miniACC: genes whose proteins are on
the protein array, and microRNAs that are not too rare. Label: death within three years of the diagnosis, or
(tcga-acc-survival) the time to death of everybody.
"""

import math

import r_data
from cohort import Cohort, CohortError, Table, number
from r_values import matrix_of, strings_of
from sources import DataFile, DebianPackage

SOURCE = DebianPackage("r-bioc-multiassayexperiment", (
    DataFile("data/miniACC.RData", "cbd224ec2d0ffef7c5f3253edc2c628ec18298143e816706a11d69e1e409b233"),
))

LIMIT_DAYS = 3 * 365.25

BINARY_TASK = """death within three years of the
diagnosis (label 1: died within 1095.75 days; label 0: lived longer)"""
SURVIVAL_TASK = """the time from
the diagnosis to death (event 1) or, of who was alive, to the last follow-up (event 0), in days"""

# Every clinical column of the source, and why it is kept or not. Kept: what was known when the tumour had been taken
# out and staged, and is neither the outcome nor computed from the molecular layers.
KEPT = {
    "years_to_birth": "age at diagnosis, years",
    "gender": "",
    "pathologic_stage": "",
    "pathology_T_stage": "extent of the tumour",
    "pathology_N_stage": "lymph nodes",
    "residual_tumor": "margins of the operation; rx = could not be assessed",
    "Histology": "as reviewed for the study",
}
_CLUSTER = "omics-derived cluster"
_COPY_NUMBER = "computed from the tumour's copy-number profile"
DROPPED = {
    "patientID": "the id",
    "vital_status": "the outcome", "days_to_death": "the outcome", "days_to_last_followup": "the outcome",
    "tumor_tissue_site": "constant",
    "date_of_initial_pathologic_diagnosis": "calendar year: the later the year, the shorter the follow-up that is "
                                            "possible, so it tells who can have been followed for three years",
    "radiation_therapy": "given after the operation, in the time that is predicted: who dies early gets none",
    "histological_type": "coarser twin of Histology (87 of 92 one value)",
    "number_of_lymph_nodes": "missing in 61 of 92; counted only where nodes were taken out",
    "race": "78 of the 81 known are one value",
    "ethnicity": "missing in 44 of 92",
    "C1A.C1B": _CLUSTER, "mRNA_K4": _CLUSTER, "MethyLevel": _CLUSTER, "miRNA.cluster": _CLUSTER,
    "SCNA.cluster": _CLUSTER, "protein.cluster": _CLUSTER, "COC": "omics-derived cluster of clusters",
    "OncoSign": "omics-derived: classes of altered driver genes",
    "purity": _COPY_NUMBER, "ploidy": _COPY_NUMBER, "genome_doublings": _COPY_NUMBER,
    "ADS": "adrenal differentiation score, computed from the RNA",
}


def log2_counts(values):
    """log2(x + 1): RSEM values of RNA-seq, already scaled to a common upper quartile, run from 0 to 355,326."""
    return [math.log2(value + 1) for value in values]


def log2_per_million(values):
    """log2(1 + counts per million of the patient's own total): raw microRNA reads, whose depth differs ninefold."""
    total = sum(values)
    return [math.log2(1 + 1e6 * value / total) if total > 0 else math.nan for value in values]


# modality -> (assay, scale, what it is). The Mutations assay is left out: 97 genes, nearly all cells 0.
ASSAYS = {
    "rna": ("RNASeq2GeneNorm", log2_counts, "RNA-seq, log2(normalised count + 1)"),
    "protein": ("RPPAArray", list, "reverse-phase protein array, as published"),
    "mirna": ("miRNASeqGene", log2_per_million, "microRNA reads, log2(1 + reads per million of the patient's reads)"),
    "cna": ("gistict", list, "GISTIC copy-number calls, -2 (deep loss) .. 2 (amplification)"),
}


def three_year_label(died, days_to_death, days_followed):
    """"1" died within three years, "0" lived longer, None: followed for less, so nobody knows."""
    if died:
        if days_to_death is None:
            return None
        return "1" if days_to_death <= LIMIT_DAYS else "0"
    return "0" if days_followed is not None and days_followed > LIMIT_DAYS else None


def outcome(died, days_to_death, days_followed):
    """(days, "1") died then, (days, "0") was last seen alive then, None: no such day above 0 is known."""
    days = days_to_death if died else days_followed
    return (number(days), "1" if died else "0") if days is not None and days > 0 else None


def death_in_three_years(source, files):
    """tcga-acc."""
    return _cohort(source, files, "tcga-acc", "binary", three_year_label, BINARY_TASK,
                   "were followed for less than three years: left out")


def survival(source, files):
    """tcga-acc-survival."""
    return _cohort(source, files, "tcga-acc-survival", "survival", outcome, SURVIVAL_TASK,
                   "have no day of death or last follow-up above 0: left out")


def _cohort(source, files, name, task, label_of, question, excluded):
    study = r_data.load(files["miniACC.RData"]).get("miniACC")
    if study is None:
        raise CohortError("miniACC.RData holds no variable miniACC")
    patients, clinical = _clinical(study.attribute("colData"))
    unknown = set(clinical) ^ (set(KEPT) | set(DROPPED))
    if unknown:
        raise CohortError(f"miniACC: no decision on the clinical columns {sorted(unknown)}")
    samples = _sample_map(study.attribute("sampleMap"), patients)

    labels = {}
    for i, patient in enumerate(patients):
        label = label_of(clinical["vital_status"][i] == 1, clinical["days_to_death"][i],
                         clinical["days_to_last_followup"][i])
        if label is not None:
            labels[patient] = label
    table = {p: [_cell(clinical[column][i]) for column in KEPT] for i, p in enumerate(patients) if p in labels}
    modalities, everyone = [Table("ehr", "table", list(KEPT), table)], {"ehr": set(patients)}
    for modality, (assay, scale, _) in ASSAYS.items():
        features, profiles = _assay(study, assay, samples)
        everyone[modality] = set(profiles)
        modalities.append(Table(modality, "expression", features,
                                {p: [number(v) for v in scale(profiles[p])] for p in labels if p in profiles}))

    complete = len(set.intersection(*(m.patients() for m in modalities)))
    notes = [
        f"{len(patients) - len(labels)} of {len(patients)} patients {excluded}",
        "before that: " + ", ".join(f"{m} {len(p)}" for m, p in everyone.items())
        + f"; {len(set.intersection(*everyone.values()))} with all",
        f"{complete} of the {len(labels)} patients kept have all five modalities",
    ]
    return Cohort(name=name, task=task, source=str(source), notes=notes, labels=labels, modalities=modalities,
                  readme=_readme(name, source, question, len(labels), notes))


def _cell(value):
    return "" if value is None or value != value else str(value)


def _columns(frame):
    """The columns of a DataFrame object, by name."""
    data = frame.attribute("listData")
    return dict(zip(data.names(), data.values))


def _clinical(frame):
    patients = strings_of(frame.attribute("rownames"))
    columns = {name: list(column.values) for name, column in _columns(frame).items()}
    if any(len(values) != len(patients) for values in columns.values()):
        raise CohortError("miniACC: a clinical column of the wrong length")
    return patients, columns


def _sample_map(frame, patients):
    """{(assay, sample barcode): patient}; one sample a patient and assay, or an error."""
    assay, patient, barcode = (strings_of(_columns(frame)[name]) for name in ("assay", "primary", "colname"))
    if len(set(zip(assay, patient))) != len(assay) or not set(patient) <= set(patients):
        raise CohortError("miniACC: a patient with two samples in one assay, or a sample of nobody")
    return dict(zip(zip(assay, barcode), patient))


def _assay(study, name, samples):
    """(feature names, {patient: values}) of one assay, the sample map telling whose sample is whose."""
    experiment = study.attribute("ExperimentList").attribute("listData").get(name)
    # A reference object: the matrices are in the list kept in its environment, under the field's internal name.
    holder = experiment.attribute("assays").attribute(".xData").frame[".->data"]
    matrix = holder.attribute("listData").values[0]
    rows, columns, values = matrix_of(matrix)
    features, barcodes = (strings_of(names) for names in matrix.attribute("dimnames").values)
    if len(features) != rows or len(barcodes) != columns or any((name, b) not in samples for b in barcodes):
        raise CohortError(f"miniACC: assay {name} and the sample map do not fit")
    return features, {samples[name, b]: values[i * rows:(i + 1) * rows] for i, b in enumerate(barcodes)}


def _readme(name, source, question, count, notes):
    layers = "\n".join(f"| `{modality}` | {what} |" for modality, (_, _, what) in ASSAYS.items())
    kept = "\n".join(f"- kept `{column}`" + (f": {what}" if what else "") for column, what in KEPT.items())
    dropped = "\n".join(f"- left out `{column}`: {reason}" for column, reason in DROPPED.items())
    counted = "\n".join(f"- {note}" for note in notes)
    return f"""# {name}

{count} patients with adrenocortical carcinoma of The Cancer Genome Atlas. The task: {question}.
The genes are those whose proteins are on the protein array. Many patients lack a layer: those holes are real.

So few patients support no claim about accuracy; read the intervals.

| modality | what it is |
|---|---|
| `ehr` | clinical table, see below |
{layers}

Counted:

{counted}
- left out as a layer: Mutations (nearly all cells are 0); with it, 43 of the 92 patients would have everything

The clinical columns of the source:

{kept}
{dropped}

- Source: TCGA open-access data as the R data set miniACC, carried by the {source}.
- Licence: Artistic License 2.0 (the package); the data are of TCGA's open-access tier.
- Citation: S. Zheng et al., Comprehensive Pan-Genomic Characterization of Adrenocortical Carcinoma, Cancer Cell
  29(5):723-736, 2016 (PubMed 27165744). M. Ramos et al., Software for the Integration of Multiomics Experiments in
  Bioconductor, Cancer Research 77(21):e39-e42, 2017.
"""
