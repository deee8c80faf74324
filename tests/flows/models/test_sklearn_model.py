"""Equal models are equal files, independent of the Python that fitted them."""

from pathlib import Path

from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from flows.models.sklearn_model import SklearnModel


def save_imputers(folder: Path, *strategies: str) -> dict[str, bytes]:
    folder.mkdir()
    imputers = (SimpleImputer(strategy=strategy) for strategy in strategies)
    SklearnModel(make_pipeline(*imputers), ["visib"]).save(folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_whether_equal_strings_are_one_object_is_not_in_the_file(tmp_path: Path) -> None:
    one, other = ("".join(["med", "ian"]) for _ in range(2))
    assert one is not other
    files = save_imputers(tmp_path / "one object", one, one)
    assert files == save_imputers(tmp_path / "two objects", one, other)
    assert files != save_imputers(tmp_path / "two values", one, "mean")
