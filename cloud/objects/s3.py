"""Objects in an S3 bucket, or in what speaks S3 at `endpoint`. Credentials come as boto3 finds them."""

from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from cloud.objects import check_content, check_key


class S3Store:
    def __init__(self, bucket: str, endpoint: str | None = None) -> None:
        config = Config(signature_version="s3v4", connect_timeout=5, read_timeout=60)
        self.bucket = bucket
        self.client = boto3.client("s3", endpoint_url=endpoint, config=config)

    def put(self, key: str, data: Path | bytes) -> None:
        check_content(key, data)
        if isinstance(data, bytes):
            self.client.put_object(Bucket=self.bucket, Key=key, Body=data)
        else:
            self.client.upload_file(str(data), self.bucket, key)  # in parts, if it is large

    def presign(self, key: str, expires_s: int) -> str:
        where = {"Bucket": self.bucket, "Key": check_key(key)}
        return self.client.generate_presigned_url("get_object", Params=where, ExpiresIn=expires_s)

    def exists(self, key: str) -> bool:
        try:
            self.client.head_object(Bucket=self.bucket, Key=check_key(key))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise
        return True

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=check_key(key))
