"""Data URLs are split into their media type and base64, and made of them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway import data_url


@pytest.mark.parametrize(
    ("url", "media_type", "data"),
    [
        ("data:image/png;base64,AAAA", "image/png", "AAAA"),
        ("DATA:Image/PNG;charset=x;Base64,AAAA", "image/png", "AAAA"),
        ("data:;base64,AAAA", "text/plain", "AAAA"),
        ("data:text/plain;charset=utf-8,a%20b", "text/plain", "YSBi"),
        ("data:,", "text/plain", ""),
        ("data:", "text/plain", ""),
    ],
)
def test_a_data_url_is_split(url, media_type, data):
    found = data_url.split(url)
    assert (found.media_type, found.data) == (media_type, data)


@pytest.mark.parametrize("url", ["https://host/data:image/png;base64,AAAA", "s3://bucket/key", "", "dat"])
def test_another_url_is_none(url):
    assert data_url.split(url) is None


@given(st.binary())
def test_what_was_joined_is_split_again(data):
    encoded = base64.b64encode(data).decode()
    found = data_url.split(data_url.join("audio/wav", encoded))
    assert (found.media_type, found.data) == ("audio/wav", encoded)


def test_its_bytes_are_in_no_repr():
    assert "AAAA" not in repr(data_url.split("data:image/png;base64,AAAA"))
