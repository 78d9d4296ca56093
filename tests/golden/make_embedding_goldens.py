"""Writes embedding.json: points in groups, and what scikit-learn says about them.

    python make_embedding_goldens.py      (needs numpy, scipy, scikit-learn)

t-SNE: an embedding has no one right answer. scikit-learn's own (exact method) is written down, with its divergence
computed here from the definition (perplexity to 1e-14, where scikit-learn stops at 1e-5 and rounds to float32): plait's
function has to give the same number, and plait's own embedding one that is no worse.
"""

import json
import pathlib

import numpy as np
import scipy
import sklearn
from scipy.optimize import brentq
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_samples, silhouette_score
from sklearn.neighbors import NearestNeighbors


def groups(rng, n, dimensions, parts, distance):
    label = rng.integers(0, parts, n)
    centre = distance * rng.normal(size=(parts, dimensions))
    return np.round(centre[label] + rng.normal(size=(n, dimensions)) * (0.5 + rng.random(dimensions)), 3), label


def conditional(row, perplexity):
    def probabilities(b):
        e = np.exp(-b * (row - row.min()))
        return e / e.sum()
    def excess(log_b):
        p = probabilities(np.exp(log_b))
        return -np.sum(p[p > 0] * np.log(p[p > 0])) - np.log(perplexity)
    return probabilities(np.exp(brentq(excess, -30, 10, xtol=1e-15, rtol=8.9e-16)))


def joint(x, perplexity):
    n = len(x)
    d = cdist(x, x, "sqeuclidean")
    p = np.zeros((n, n))
    for i in range(n):
        others = np.arange(n) != i
        p[i, others] = conditional(d[i, others], perplexity)
    return (p + p.T) / (2 * n)


def divergence(p, y):
    w = 1 / (1 + cdist(y, y, "sqeuclidean"))
    np.fill_diagonal(w, 0)
    q = w / w.sum()
    some = p > 0
    return np.sum(p[some] * np.log(p[some] / q[some]))


def t_sne(x, perplexity):
    model = TSNE(method="exact", init="pca", learning_rate="auto", perplexity=perplexity, max_iter=1000, random_state=0)
    position = np.round(model.fit_transform(x).astype(float), 4)
    p = joint(x, perplexity)
    kl = divergence(p, position)
    assert abs(kl - model.kl_divergence_) < 1e-3, (kl, model.kl_divergence_)
    return {"perplexity": perplexity, "position": position.ravel(), "divergence": kl, "first_row": p[0],
            "scikit_learn_divergence": model.kl_divergence_}


def k_means(x, label):
    parts = label.max() + 1
    start = x[:parts]
    descent = KMeans(parts, init=start, n_init=1, algorithm="lloyd", tol=0).fit(x)
    best = KMeans(parts, n_init=100, tol=0, random_state=0).fit(x)
    return {"k": parts, "from_first_points": {"cluster": descent.labels_, "inertia": descent.inertia_, "centres": descent.cluster_centers_.ravel()},
            "best_inertia": best.inertia_}


def purity(x, label, k):
    near = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(x).kneighbors(return_distance=False)
    return np.mean(label[near] == label[:, None])


def points(name, x, label, perplexity):
    pca = PCA(3, svd_solver="full").fit(x)
    distances = cdist(x, x)
    return {"name": name, "dimensions": x.shape[1], "values": x.ravel(), "label": label,
            "principal_components": {"mean": pca.mean_, "directions": pca.components_.ravel(), "variance": pca.explained_variance_,
                                     "share": pca.explained_variance_ratio_, "projected": pca.transform(x[:5]).ravel()},
            "silhouettes": silhouette_samples(distances, label, metric="precomputed"),
            "silhouette": silhouette_score(distances, label, metric="precomputed"),
            "purity": {str(k): purity(x, label, k) for k in (1, 5, 10)},
            "k_means": k_means(x, label), "t_sne": t_sne(x, perplexity)}


def agreements(rng):
    a = rng.integers(0, 4, 60)
    for name, first, second in (("chance", a, rng.integers(0, 3, 60)), ("renamed", a, (a + 1) % 4), ("close", a, np.where(rng.random(60) < 0.2, 0, a)),
                                ("finer", a, 2 * a + rng.integers(0, 2, 60)), ("one part against many", np.zeros(10, int), np.arange(10)),
                                ("one part", np.zeros(10, int), np.ones(10, int)), ("all apart", np.arange(8), np.arange(8)[::-1]),
                                ("worse than chance", np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))):
        yield {"name": name, "first": first, "second": second, "adjusted_rand_index": adjusted_rand_score(first, second),
               "normalised_mutual_information": normalized_mutual_info_score(first, second)}


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def main():
    rng = np.random.default_rng(3)
    cases = [points("apart", *groups(rng, 110, 6, 4, 3.0), 20.0), points("overlapping", *groups(rng, 90, 10, 3, 0.8), 10.0),
             points("plane", *groups(rng, 70, 3, 3, 2.0), 23.0)]
    lines = ",\n".join(json.dumps(plain(case), separators=(",", ":")) for case in cases)
    agree = ",\n".join(json.dumps(plain(case), separators=(",", ":")) for case in agreements(rng))
    text = f'{{"oracle": "scikit-learn {sklearn.__version__}, scipy {scipy.__version__}",\n"agreement": [\n{agree}\n],\n"cases": [\n{lines}\n]}}\n'
    pathlib.Path(__file__).with_name("embedding.json").write_text(text)


if __name__ == "__main__":
    main()
