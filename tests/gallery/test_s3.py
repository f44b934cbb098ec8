"""Promise: a gallery in an object store is the same gallery."""

from collections.abc import Iterator

import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.gallery.catalogue import create_gallery, open_gallery
from crosswake.gallery.judgements import Judgement, record_judgement, verdicts
from crosswake.gallery.search import GallerySearchOptions, search_gallery
from tests.gallery.killing import Options
from tests.gallery.making import MODEL, made_sightings


@pytest.fixture(scope="module")
def store() -> Iterator[Options]:
    """The options of a store on this machine that has the bucket ``ships``."""
    server_module = pytest.importorskip("moto.server")
    boto3 = pytest.importorskip("boto3")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "dummy", "aws_secret_access_key": "dummy"}
    client = boto3.client("s3", endpoint_url=address, region_name="us-east-1", **keys)
    client.create_bucket(Bucket="ships")
    options = {"aws_endpoint": address, "allow_http": "true", "aws_region": "us-east-1", **keys}
    yield tuple(options.items())
    server.stop()


@pytest.mark.slow
def test_from_making_to_judging(store: Options) -> None:
    place = "s3://ships/gallery"
    gallery = create_gallery(place, MODEL, store)
    assert gallery.add(made_sightings(30)) == 30
    assert open_gallery(place, store).add(made_sightings(40)) == 10
    gallery = open_gallery(place, store)
    assert gallery.count() == 40
    queries = gallery.read(columns=made_sightings(1).column_names).slice(0, 1)
    found = search_gallery(gallery, queries, GallerySearchOptions(top=3))
    ids = [one["id"] for one in found.answers[0].candidates]
    record_judgement(
        gallery, Judgement(query=queries["id"][0].as_py(), candidate=ids[0], verdict="same")
    )
    assert len(verdicts(open_gallery(place, store))) == 1
    with pytest.raises(CrosswakeError, match="there is a gallery already"):
        create_gallery(place, MODEL, store)
    with pytest.raises(CrosswakeError, match="there is no gallery"):
        open_gallery("s3://ships/nothing", store)
    with pytest.raises(CrosswakeError, match="there is no such bucket"):
        create_gallery("s3://boats/gallery", MODEL, store)
